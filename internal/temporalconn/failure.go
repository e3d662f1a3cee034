package temporalconn

import (
	"errors"
	"unicode/utf8"

	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"immtrail/internal/temporalconn/tripwire"
)

// Bounds of what a failure may say, in bytes. A message and a stack trace of
// these lengths pass the tripwire together.
const (
	maxFailureMessage = 2 << 10
	maxFailureStack   = 4 << 10
)

const withheld = "the text of this failure is withheld: it looked like HL7"

// FailureConverter turns errors into failures that are fit for history. A
// message or a stack trace that looks like HL7 is withheld and a long one cut,
// instead of refused: the SDK panics when a failure cannot be encoded, and a
// failure must get through. With the codec on both are encrypted, but for an
// error with the method InClear: the Web UI decodes no answer to an update, so
// that the refusal of one, which lies in no history, is for the caller to read.
//
// Details of an ApplicationError are ordinary payloads, so the tripwire applies
// to them. Where it trips, the failure goes without details and without cause,
// and keeps its type and whether it may be retried.
func FailureConverter(s Settings) (converter.FailureConverter, error) {
	dc, err := DataConverter(s)
	if err != nil {
		return nil, err
	}
	plain := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: dc})
	return &failures{plain: plain, dc: dc, encode: s.CodecOn}, nil
}

type failures struct {
	plain  *temporal.DefaultFailureConverter
	dc     converter.DataConverter
	encode bool
}

func (f *failures) ErrorToFailure(err error) *failurepb.Failure {
	failure := f.convert(err)
	encode := f.encode && !inClear(err)
	for link := failure; link != nil; link = link.GetCause() {
		if link.GetEncodedAttributes() != nil {
			continue // it comes from history and goes back as it is
		}
		link.Message = fit(link.GetMessage(), maxFailureMessage)
		link.StackTrace = fit(link.GetStackTrace(), maxFailureStack)
		if !encode {
			continue
		}
		if err := converter.EncodeCommonFailureAttributes(f.dc, link); err != nil {
			// Only JSON escaping can have made it too long by now.
			link.Message, link.StackTrace = "the text of this failure is withheld: "+err.Error(), ""
		}
	}
	return failure
}

// inClear says that whoever made the error vouches for its words.
func inClear(err error) bool {
	var vouched interface{ InClear() bool }
	return errors.As(err, &vouched) && vouched.InClear()
}

// convert is the SDK's own conversion, which panics when details cannot be
// encoded. The result may be changed: what the SDK keeps for later is copied.
func (f *failures) convert(err error) (failure *failurepb.Failure) {
	defer func() {
		if recover() == nil {
			return
		}
		info := &failurepb.ApplicationFailureInfo{}
		var app *temporal.ApplicationError
		if errors.As(err, &app) {
			info.Type, info.NonRetryable = app.Type(), app.NonRetryable()
		}
		failure = &failurepb.Failure{
			Source:      "GoSDK",
			Message:     "the details of this failure are withheld: they were refused for history",
			FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: info},
		}
	}()
	return proto.CloneOf(f.plain.ErrorToFailure(err))
}

func (f *failures) FailureToError(failure *failurepb.Failure) error {
	return f.plain.FailureToError(failure)
}

// fit withholds a risky text and cuts a long one at a whole letter.
func fit(text string, limit int) string {
	if tripwire.LooksRisky(text) {
		return withheld
	}
	if len(text) <= limit {
		return text
	}
	const more = "…"
	cut := limit - len(more)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}
