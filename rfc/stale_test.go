package rfc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// onceStale describes a module wrongly until it is told to forget it.
type onceStale struct {
	wrong, right *metadata.Function
	forgotten    []string
}

func (s *onceStale) Function(context.Context, string) (*metadata.Function, error) {
	if len(s.forgotten) == 0 {
		return s.wrong, nil
	}
	return s.right, nil
}

func (s *onceStale) Forget(name string) { s.forgotten = append(s.forgotten, name) }

func TestF48StaleDescriptionIsForgottenAndTheCallNotRepeated(t *testing.T) {
	t.Parallel()
	type out struct {
		Rows []struct {
			A string `rfc:"A,char=10"`
		} `rfc:"ROWS"`
	}
	calls := 0
	mux := rfc.NewMux()
	require.NoError(t, rfc.Handle(mux, "Z_ROWS", func(context.Context, struct{}) (out, error) {
		calls++
		var o out
		o.Rows = append(o.Rows, struct {
			A string `rfc:"A,char=10"`
		}{"x"})
		return o, nil
	}))
	var d metadata.Dictionary
	d.Structure("NARROW", "A:C5")
	require.NoError(t, d.Err())
	wrong, err := d.Function("Z_ROWS", "TABLES ROWS:[NARROW] OPTIONAL")
	require.NoError(t, err)
	source := &onceStale{wrong: wrong, right: mux.Describe("Z_ROWS")}
	_, dial := serve(t, mux)
	conn := dial(t, rfc.ConnConfig{Functions: source})
	_, err = rfc.Call[out](t.Context(), conn, "Z_ROWS", nil)
	require.ErrorIs(t, err, rfc.ErrConversion)
	require.Equal(t, []string{"Z_ROWS"}, source.forgotten)
	require.Equal(t, 1, calls)
	require.NoError(t, conn.Close())
	again := dial(t, rfc.ConnConfig{Functions: source})
	o, err := rfc.Call[out](t.Context(), again, "Z_ROWS", nil)
	require.NoError(t, err)
	require.Len(t, o.Rows, 1)
	require.NoError(t, again.Close())
}
