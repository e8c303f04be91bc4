package destination_test

import (
	"flag"
	"fmt"
	"go/format"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
)

var update = flag.Bool("update", false, "write keys.go and the tables of docs/jco.md")

// fresh compares a file with what it should be; with -update it writes it.
func fresh(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Fatalf("%s does not follow the table; write it with: go test ./destination -update\n%.2000s", path, diff)
	}
}

// sections gives the properties of each group, in the order of the table.
func sections() (groups []destination.Group, members map[destination.Group][]destination.Property) {
	members = map[destination.Group][]destination.Property{}
	for _, p := range destination.AllProperties() {
		if members[p.Group] == nil {
			groups = append(groups, p.Group)
		}
		members[p.Group] = append(members[p.Group], p)
	}
	return groups, members
}

// description is what a constant and a row of the documentation say besides Doc.
func description(p destination.Property) string {
	parts := []string{string(p.Kind)}
	if p.Unit != "" {
		parts[0] += " in " + map[string]string{"ms": "milliseconds", "s": "seconds", "min": "minutes"}[p.Unit]
		if p.Unit == "bytes" {
			parts[0] = string(p.Kind)
		}
	}
	switch def := p.Default; {
	case def == "":
	case strings.HasPrefix(def, "("):
		parts = append(parts, "default "+strings.Trim(def, "()"))
	default:
		parts = append(parts, "default "+def)
	}
	if p.Allowed != "" {
		parts = append(parts, "allowed: "+p.Allowed)
	}
	if p.Secret {
		parts = append(parts, "secret")
	}
	return strings.Join(parts, "; ")
}

// comment wraps a text as a comment of Go.
func comment(indent, text string) string {
	var b strings.Builder
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > 90 {
			b.WriteString(indent + "// " + line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return b.String() + indent + "// " + line + "\n"
}

func TestKeysFollowTheTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("// Code generated from table.go by go test ./destination -update. DO NOT EDIT.\n\npackage destination\n")
	groups, members := sections()
	for _, g := range groups {
		if members[g][0].Constant == "" {
			continue
		}
		fmt.Fprintf(&b, "\n// Keys of the group %s.\nconst (\n", g)
		for _, p := range members[g] {
			b.WriteString(comment("\t", p.Constant+": "+p.Doc))
			b.WriteString(comment("\t", strings.ToUpper(description(p)[:1])+description(p)[1:]+"."))
			if p.Support != destination.Supported {
				b.WriteString(comment("\t", fmt.Sprintf("Not supported (%s): %s.", p.Support, p.Remedy)))
			}
			fmt.Fprintf(&b, "\t%s = %q\n", p.Constant, p.Key)
		}
		b.WriteString(")\n")
	}
	src, err := format.Source([]byte(b.String()))
	require.NoError(t, err)
	fresh(t, "keys.go", string(src))
}
