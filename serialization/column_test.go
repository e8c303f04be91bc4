package serialization

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestColumnsOfClassicRows(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES T:[T10]")
	rows := t10Rows(1000)
	rows[7].Maktx, rows[8].Maktx = "Grüße €", "  leading"
	w := Writer{Function: f, Reply: true}
	msg, err := w.Append(nil, Params{"T": rows})
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, true)
	require.NoError(t, feed(&s, msg))
	cols, err := s.Columns("T")
	require.NoError(t, err)
	require.NoError(t, cols.Check())
	require.Equal(t, len(rows), cols.Rows)
	c := newCoder(Representation{}, Options{})
	var out struct {
		T []t10 `rfc:"T"`
	}
	plan, err := planFunction(typeOf(out), f, &c)
	require.NoError(t, err)
	elem := plan.ops[0].elem
	got := make([]t10, len(rows))
	require.NoError(t, c.fromColumns(cols, elem, placed{ptr(&got[0]), elem.typ.Size(), 0, len(rows)}))
	require.Equal(t, rows, got)
}

func ptr[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }
