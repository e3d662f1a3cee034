package z22_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance/z22"
)

func TestTheTableSaysWhatTheProfileSays(t *testing.T) {
	p := z22.Get()
	pid, ok := p.Segment("PID")
	require.True(t, ok)
	require.Len(t, pid.Fields, 39)
	id := pid.Fields[2]
	require.Equal(t, z22.Element{N: 3, Usage: z22.Required, MaxLength: 250, Type: "CX_IZ", Name: "patient identifier list"}, id)
	require.Equal(t, z22.Forbidden, pid.Fields[1].Usage)
	require.Equal(t, []string{"HL70001_IZ"}, pid.Fields[7].Tables)
	require.Equal(t, []string{"F", "M", "U"}, p.Sets["HL70001_IZ"].Codes)
	require.Equal(t, 2, p.Types["XON_IZ"][6].MinLength)
	require.True(t, p.Sets["HL70086_IZ"].Open)
	_, ok = p.Segment("ZZZ")
	require.False(t, ok)
}

func TestConditionsAreRead(t *testing.T) {
	p := z22.Get()
	number := p.Types["XCN_IZ"][0]
	require.Equal(t, z22.Conditional, number.Usage)
	require.Equal(t, z22.Required, number.Then)
	require.Equal(t, z22.MayBeEmpty, number.Else)
	require.Equal(t, []z22.Term{{Field: 2, Part: 1, Not: true}, {Field: 3, Not: true}}, number.Condition)
	require.Equal(t, []z22.Term{{Field: 2, Not: true, OneOf: []string{"NET"}}}, p.Types["XTN_IZ"][6].Condition)
	orc, _ := p.Segment("ORC")
	require.Equal(t, []z22.Term{
		{Segment: "RXA", Field: 9, Part: 1, OneOf: []string{"00"}}, {Segment: "RXA", Field: 20, OneOf: []string{"CP", "PA"}},
	}, orc.Fields[11].Condition)
}

func TestEveryTypeThatIsNamedHasPartsOrIsPlain(t *testing.T) {
	p := z22.Get()
	plain := map[string]bool{
		"SI": true, "GTS": true, "TX": true, "DT_D": true, "TM": true, "DTM": true, "IS": true, "ST_IZ": true, "NM": true,
		"varies": true, "ST": true, "FT": true, "DT": true, "ID": true,
	}
	known := func(name string) { require.True(t, plain[name] || p.Types[name] != nil, name) }
	for _, parts := range p.Types {
		for _, e := range parts {
			known(e.Type)
		}
	}
	for _, s := range p.Segments {
		for _, e := range s.Fields {
			known(e.Type)
		}
		for _, c := range s.Cases {
			known(c.Type)
		}
	}
}
