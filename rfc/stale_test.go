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

// keeper is told by pointer what did not fit.
type keeper struct {
	*metadata.Function
	told []error
}

func (k *keeper) Contradicted(f *metadata.Function, why error) {
	if f == k.Function {
		k.told = append(k.told, why)
	}
}

type keeping struct{ *keeper }

func (s keeping) Function(context.Context, string) (*metadata.Function, error) {
	return s.keeper.Function, nil
}

// A partner that refuses a call for its interface contradicts the description; one that fails
// otherwise does not. Nothing is repeated.
func TestF48RefusalsOfAnInterfaceContradictIt(t *testing.T) {
	t.Parallel()
	for key, told := range map[string]bool{
		"CALL_FUNCTION_PARM_UNKNOWN": true, "CALL_FUNCTION_SIGNATURE_INCOMPL": true, "CALL_FUNCTION_CONFLICT_TAB_TYP": true,
		"CALL_FUNCTION_NOT_FOUND": true, "COMPUTE_INT_ZERODIVIDE": false, "CALL_FUNCTION_REMOTE_ERROR": false,
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			calls := 0
			mux := rfc.NewMux()
			f, err := new(metadata.Dictionary).Function("Z_MOVED", "IMPORTING A:C10 OPTIONAL")
			require.NoError(t, err)
			require.NoError(t, mux.Handle(f, func(context.Context, *rfc.Request, *rfc.Reply) error {
				calls++
				return rfc.RuntimeFailure(key, "the interface is another one")
			}))
			k := &keeper{Function: f}
			_, dial := serve(t, mux)
			conn := dial(t, rfc.ConnConfig{Functions: keeping{k}})
			_, err = conn.Call(t.Context(), "Z_MOVED", rfc.Params{"A": "x"})
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, key, e.Key)
			require.True(t, e.MayHaveExecuted())
			require.Len(t, k.told, map[bool]int{true: 1}[told])
			require.Equal(t, 1, calls)
		})
	}
	mux := rfc.NewMux()
	f, err := new(metadata.Dictionary).Function("Z_GONE", "IMPORTING A:C10 OPTIONAL")
	require.NoError(t, err)
	k := &keeper{Function: f}
	_, dial := serve(t, mux)
	_, err = dial(t, rfc.ConnConfig{Functions: keeping{k}}).Call(t.Context(), "Z_GONE", nil)
	require.ErrorIs(t, err, rfc.ErrABAPException)
	require.Len(t, k.told, 1)
}
