package rfctest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
)

// picture writes an interface as text, types included, one text for each parameter. They
// are sorted: a description lists parameters by class and name.
func picture(f *metadata.Function) []string {
	var all, out []string
	var walk func(prefix string, fields []metadata.Field, depth int)
	walk = func(prefix string, fields []metadata.Field, depth int) {
		for i := range fields {
			f := &fields[i]
			out = append(out, fmt.Sprintf("%s%s %c %d.%d nuc %d uc %d", prefix, f.Name, f.Kind, f.Length, f.Decimals, f.Width(1), f.Width(2)))
			if f.Type != nil && depth < 8 {
				out = append(out, fmt.Sprint(prefix, "  type ", f.Type.Name, " ", f.Type.Layout(1), f.Type.Layout(2)))
				walk(prefix+"  ", f.Type.Fields, depth+1)
			}
		}
	}
	for i := range f.Parameters {
		p := &f.Parameters[i]
		out = nil
		walk(fmt.Sprintf("%s optional %t default %q: ", p.Direction, p.Optional, p.Default), []metadata.Field{p.Field}, 0)
		all = append(all, strings.Join(out, "\n"))
	}
	slices.Sort(all)
	return all
}

// TestEveryModuleIsDescribedOverTheWireAsItIsRegistered reads all descriptions as a client
// does and compares them with the registrations.
func TestEveryModuleIsDescribedOverTheWireAsItIsRegistered(t *testing.T) {
	t.Parallel()
	sys := start(t)
	repo := repository.New(connect(t, sys))
	all := sys.Mux().Search("*")
	require.Greater(t, len(all), 25)
	for _, want := range all {
		t.Run(want.Name, func(t *testing.T) {
			got, err := repo.Function(t.Context(), want.Name)
			require.NoError(t, err)
			if diff := cmp.Diff(strings.Join(picture(want), "\n"), strings.Join(picture(got), "\n")); diff != "" {
				t.Errorf("(-registered +described):\n%s", diff)
			}
		})
	}
}
