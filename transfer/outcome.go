package transfer

// Outcome is what the last step of an upload (the rename, or the close of a
// direct upload) came to.
type Outcome string

// The outcomes.
const (
	// OutcomeDelivered: our file lies under its name.
	OutcomeDelivered Outcome = "delivered"
	// OutcomeRenamed: our file lies under a name that the server made of ours.
	OutcomeRenamed Outcome = "renamed-by-the-server"
	// OutcomeSwept: the step was acknowledged and nothing lies there: picked up.
	OutcomeSwept Outcome = "swept"
	// OutcomeNotDone: the step did not happen; the upload may be repeated.
	OutcomeNotDone Outcome = "not-done"
	// OutcomeConflict: another file lies under our name.
	OutcomeConflict Outcome = "conflict"
	// OutcomeUnknown: nobody can tell, and sending again would be a guess.
	OutcomeUnknown Outcome = "unknown"
)

// Match is how what lies under a name compares with our file.
type Match int

// The matches.
const (
	MatchNothing   Match = iota // nothing lies there
	MatchOther                  // somebody else's, or a rest that is not ours
	MatchBeginning              // the first bytes of ours, where files grow under their final name
	MatchSize                   // of our size; its digest was not asked for, or cannot be had
	MatchDigest                 // ours, byte for byte
)

// Sight is what was seen of a file, and what we know of its last step.
type Sight struct {
	// Final is what lies under our name; Other under a name that the server made
	// of ours, looked for where nothing lies under our own.
	Final, Other Match
	// Part says that our temporary name is still there.
	Part bool
	// Tried: the last step may have been taken; Acknowledged: the server said that
	// it is done.
	Tried, Acknowledged bool
	// Expected says that a file of our size under our name is ours even where
	// nobody can read it: the step was acknowledged, or was tried when the name
	// had been free.
	Expected bool
}

// Judge decides what a last step came to. Every driver's upload and every
// confirmation ask it, so that the same sight is never called by two names.
//
//	under our name           .part   under another   acknowledged   outcome
//	ours, by digest                                                 delivered
//	of our size, expected                                           delivered
//	of our size              there, or the step was never tried     conflict
//	of our size, else                                               unknown
//	beginning of ours                                               not done
//	anything else                                                   conflict
//	nothing                          ours, by digest                renamed by the server
//	nothing                          of our size     yes            renamed by the server
//	nothing                  there                   no             not done
//	nothing                          none            yes            swept
//	nothing                  none    none            no             unknown
func Judge(s Sight) Outcome {
	switch s.Final {
	case MatchDigest:
		return OutcomeDelivered
	case MatchSize:
		switch {
		case s.Expected:
			return OutcomeDelivered
		case s.Part, !s.Tried:
			return OutcomeConflict
		}
		return OutcomeUnknown
	case MatchBeginning:
		return OutcomeNotDone
	case MatchOther:
		return OutcomeConflict
	case MatchNothing:
	}
	switch {
	case s.Other == MatchDigest, s.Other == MatchSize && s.Acknowledged:
		return OutcomeRenamed
	case s.Acknowledged:
		return OutcomeSwept
	case s.Part:
		return OutcomeNotDone
	}
	return OutcomeUnknown
}
