package registry

// HoldReason says what a person has to settle. A hold is neither an outcome
// nor an error: the process waits, shows why, and reminds.
type HoldReason string

// The reasons, by what has to be decided.
const (
	// HoldConnection: the registry's server cannot be used (login refused, host
	// key changed, time ran out).
	HoldConnection HoldReason = "connection"
	// HoldDeliveryUnknown: nobody can tell whether the file arrived.
	HoldDeliveryUnknown HoldReason = "delivery-unknown"
	// HoldConflict: a different file lies under our name.
	HoldConflict HoldReason = "conflict"
	// HoldSystem: our own machine gave up (database, file store, mail).
	HoldSystem HoldReason = "system"
	// HoldOutbox: the folder of an outbox is not there, not mounted or cannot be read.
	HoldOutbox HoldReason = "outbox"
	// HoldNotAllowed: a rule of the process forbids the act.
	HoldNotAllowed HoldReason = "not-allowed"
	// HoldErrorRate: the historical load stopped itself.
	HoldErrorRate HoldReason = "error-rate"
	// HoldReconcile: the counts of a historical load do not add up.
	HoldReconcile HoldReason = "reconcile"
	// HoldReport: a report that nothing understands, or that cannot be fetched.
	HoldReport HoldReason = "report"
	// HoldByHand: a person has to upload a file.
	HoldByHand HoldReason = "upload-by-hand"
	// HoldPayload: an input grew too large for history; a bug to be reported.
	HoldPayload HoldReason = "payload"
)

// HoldReasons lists every reason.
func HoldReasons() []HoldReason {
	return []HoldReason{
		HoldConnection, HoldDeliveryUnknown, HoldConflict, HoldSystem, HoldOutbox, HoldNotAllowed,
		HoldErrorRate, HoldReconcile, HoldReport, HoldByHand, HoldPayload,
	}
}

// HoldAction is how a person ends a hold.
type HoldAction string

// The actions.
const (
	// ActionRetry does the held step again.
	ActionRetry HoldAction = "retry"
	// ActionArrived says, on a named person's word, that the file is there.
	ActionArrived HoldAction = "arrived"
	// ActionResend sends the file again under a new name.
	ActionResend HoldAction = "resend"
	// ActionDrop gives the held thing up; nothing is sent.
	ActionDrop HoldAction = "drop"
	// ActionContinue goes on in spite of the reason.
	ActionContinue HoldAction = "continue"
)

// holdActions says what each reason allows. An unknown delivery is never
// blindly sent again by "retry": a person says "arrived" or "resend".
var holdActions = map[HoldReason][]HoldAction{
	HoldConnection:      {ActionRetry, ActionDrop},
	HoldDeliveryUnknown: {ActionRetry, ActionArrived, ActionResend, ActionDrop},
	HoldConflict:        {ActionRetry, ActionResend, ActionDrop},
	HoldSystem:          {ActionRetry, ActionDrop},
	HoldOutbox:          {ActionRetry, ActionDrop},
	HoldNotAllowed:      {ActionRetry, ActionDrop},
	HoldErrorRate:       {ActionContinue, ActionDrop},
	HoldReconcile:       {ActionRetry, ActionContinue},
	HoldReport:          {ActionRetry, ActionDrop},
	HoldByHand:          {ActionArrived, ActionDrop},
	HoldPayload:         {ActionRetry, ActionDrop},
}

// Actions returns what r allows, in the order to be shown.
func (r HoldReason) Actions() []HoldAction { return holdActions[r] }

// Allows reports whether a hold for reason r may be ended by a.
func (r HoldReason) Allows(a HoldAction) bool {
	for _, allowed := range holdActions[r] {
		if allowed == a {
			return true
		}
	}
	return false
}

// Words is the reason as a person reads it.
func (r HoldReason) Words() string {
	switch r {
	case HoldConnection:
		return "the registry's server cannot be used"
	case HoldDeliveryUnknown:
		return "nobody can tell whether the file arrived"
	case HoldConflict:
		return "a different file lies at the registry under our name"
	case HoldSystem:
		return "our own system could not finish a step"
	case HoldOutbox:
		return "nothing can be taken from the outbox"
	case HoldNotAllowed:
		return "a rule of the process forbids this step"
	case HoldErrorRate:
		return "too many records were refused; the load stopped itself"
	case HoldReconcile:
		return "the counts of the load do not add up"
	case HoldReport:
		return "a report could not be read"
	case HoldByHand:
		return "a file waits for you to upload it"
	case HoldPayload:
		return "a step grew too large to be recorded"
	}
	return string(r)
}

// Explain says what action does to a hold for reason r, as in "to …".
func (r HoldReason) Explain(action HoldAction) string {
	switch action {
	case ActionRetry:
		switch r {
		case HoldConnection:
			return "log in again and go on where it stopped; nothing is sent twice"
		case HoldDeliveryUnknown:
			return "look at the registry once more; nothing is sent"
		case HoldReport:
			return "fetch and read the report again, after its layout was taught"
		case HoldReconcile:
			return "count again, after the missing answers came"
		case HoldOutbox:
			return "look again, after the folder is back; what lies there is taken"
		case HoldConflict, HoldSystem, HoldNotAllowed, HoldErrorRate, HoldByHand, HoldPayload:
		}
		return "do the step again, after its cause was mended"
	case ActionArrived:
		if r == HoldByHand {
			return "say that you uploaded it; its report is the proof"
		}
		return "say that the file is there, on your word"
	case ActionResend:
		return "send it again under a new name"
	case ActionDrop:
		if r == HoldErrorRate {
			return "give the rest of the load up"
		}
		if r == HoldOutbox {
			return "leave it at that; the next submission looks again, and asks again if it is still so"
		}
		return "give this up; nothing more is sent of it"
	case ActionContinue:
		if r == HoldReconcile {
			return "close the load with the difference on record"
		}
		return "go on in spite of it"
	}
	return string(action)
}

// HoldFor is the reason for a hold after a step has failed for good with kind.
func HoldFor(k Kind) HoldReason {
	switch k {
	case Unauthorised, HostKeyChanged, Refused, Busy, Transient, Corrupt, Missing:
		return HoldConnection
	case Conflict:
		return HoldConflict
	case DeliveryUnknown:
		return HoldDeliveryUnknown
	case NotAllowed:
		return HoldNotAllowed
	case Invalid:
	}
	return HoldSystem
}
