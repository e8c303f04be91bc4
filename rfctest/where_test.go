package rfctest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRandomSelections feeds the parser with random words of its own language: it must
// refuse them or give a condition that can be evaluated on every row.
func TestRandomSelections(t *testing.T) {
	t.Parallel()
	cfg, err := Config{}.withDefaults()
	require.NoError(t, err)
	table := cannedTables(cfg)["SFLIGHT"]
	words := []string{
		"CARRID", "PRICE", "FLDATE", "CONNID", "SEATSMAX", "=", "<>", "<=", "EQ", "GT", "LIKE", "IN", "BETWEEN", "AND", "OR", "NOT", "(", ")", ",",
		"'AB'", "'A%'", "'it''s'", "10.5", "-1", "'20260626'", "IS", "NULL", "INITIAL", "ESCAPE", "'#'", "''", "'x", "1E400", "é",
	}
	rng := rand.New(rand.NewPCG(3, 5))
	accepted := 0
	for range 200_000 {
		var b strings.Builder
		b.WriteString([]string{"", "NOT ", "( ", "CARRID ", "PRICE "}[rng.IntN(5)])
		for range rng.IntN(9) {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteString([]string{" ", " ", ""}[rng.IntN(3)])
		}
		cond, err := parseWhere(table, b.String())
		if err != nil || cond == nil {
			continue
		}
		accepted++
		for row := range table.rows {
			cond(row)
		}
	}
	require.Greater(t, accepted, 300, "the words must make sentences now and then")
}

func TestSelectionsAreBounded(t *testing.T) {
	t.Parallel()
	cfg, err := Config{}.withDefaults()
	require.NoError(t, err)
	table := cannedTables(cfg)["SFLIGHT"]
	for name, text := range map[string]string{
		"too long":      "CARRID = '" + strings.Repeat("x", maxWhere) + "'",
		"parentheses":   strings.Repeat("(", maxWhereDepth+2) + "CARRID = 'AB'" + strings.Repeat(")", maxWhereDepth+2),
		"a row of NOTs": strings.Repeat("NOT ", maxWhereDepth+2) + "CARRID = 'AB'",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseWhere(table, text)
			require.Error(t, err)
		})
	}
	_, err = parseWhere(table, strings.Repeat("(", maxWhereDepth)+"CARRID = 'AB'"+strings.Repeat(")", maxWhereDepth))
	require.NoError(t, err)
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"%", "", true},
		{"a%", "abc", true},
		{"%c", "abc", true},
		{"%b%", "abc", true},
		{"a_c", "abc", true},
		{"a_c", "ac", false},
		{"%#%%", "50% of", true},
		{"%#%%", "50 of", false},
		{"#", "", true},
		{"_", "望", true},
		{strings.Repeat("%a", 50), strings.Repeat("a", 10_000) + "b", false},
	} {
		require.Equal(t, tc.want, matchPattern(tc.pattern, tc.text, '%', '_', '#'), tc.pattern)
	}
}

func TestNumbersAreMovedToTextAsABAPDoes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		column      column
		value, want string
	}{
		{column{kind: 'I', length: 11}, "42", "        42 "},
		{column{kind: 'I', length: 11}, "-42", "        42-"},
		{column{kind: 'I', length: 11}, "-2147483648", "2147483648-"},
		{column{kind: 'b', length: 3}, "7", "  7"},
		{column{kind: 'P', length: 9, decimals: 2}, "1.5", "    1.50 "},
		{column{kind: 'P', length: 6, decimals: 2}, "123.45", "123.45"},
		{column{kind: 'P', length: 6, decimals: 2}, "-123.45", "*23.45"},
		{column{kind: 'N', length: 4}, "", "0000"},
		{column{kind: 'C', length: 4}, "ä", "ä   "},
	} {
		require.Equal(t, tc.want, string(tc.column.appendCell(nil, tc.value)))
	}
}
