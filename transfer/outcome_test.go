package transfer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/transfer"
)

// Every sight has one name, and no sight that lacks proof is called a delivery.
func TestJudge(t *testing.T) {
	matches := []transfer.Match{
		transfer.MatchNothing, transfer.MatchOther, transfer.MatchBeginning, transfer.MatchSize, transfer.MatchDigest,
	}
	got := map[transfer.Outcome]int{}
	bools := []bool{false, true}
	for _, final := range matches {
		for _, other := range matches {
			for _, part := range bools {
				for _, tried := range bools {
					for _, acked := range bools {
						for _, expected := range bools {
							s := transfer.Sight{Final: final, Other: other, Part: part, Tried: tried, Acknowledged: acked, Expected: expected}
							o := transfer.Judge(s)
							got[o]++
							switch o {
							case transfer.OutcomeDelivered:
								require.True(t, final == transfer.MatchDigest || (final == transfer.MatchSize && expected), "%+v", s)
							case transfer.OutcomeRenamed:
								require.Equal(t, transfer.MatchNothing, final, "%+v", s)
								require.True(t, other == transfer.MatchDigest || (other == transfer.MatchSize && acked), "%+v", s)
							case transfer.OutcomeSwept:
								require.True(t, acked && final == transfer.MatchNothing, "%+v", s)
							case transfer.OutcomeNotDone:
								require.True(t, final == transfer.MatchBeginning || (part && !acked && final == transfer.MatchNothing), "%+v", s)
							case transfer.OutcomeConflict:
								require.True(t, final == transfer.MatchOther || (final == transfer.MatchSize && !expected), "%+v", s)
							case transfer.OutcomeUnknown:
								require.False(t, acked && final == transfer.MatchNothing, "%+v", s)
							}
						}
					}
				}
			}
		}
	}
	require.Len(t, got, 6)
}
