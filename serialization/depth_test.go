package serialization

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
)

// Structures and tables nest as deep as a description can, in every mixture.
func TestTheDeepestTypesTravel(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]func(i int) metadata.Kind{
		"structures": func(int) metadata.Kind { return metadata.Structure },
		"tables":     func(int) metadata.Kind { return metadata.Table },
		"mixed":      func(i int) metadata.Kind { return []metadata.Kind{metadata.Structure, metadata.Table}[i%2] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			typ, err := metadata.NewType("S0", []metadata.Field{{Name: "A", Kind: metadata.String}})
			require.NoError(t, err)
			var value any = Params{"A": "deep"}
			for i := 1; i <= metadata.MaxDepth; i++ {
				k := kind(i)
				if k == metadata.Table {
					value = []Params{value.(Params), value.(Params)}[:1]
				}
				typ, err = metadata.NewType(fmt.Sprintf("S%d", i), []metadata.Field{{Name: "A", Kind: k, Type: typ}})
				require.NoError(t, err)
				value = Params{"A": value}
			}
			f, err := metadata.NewFunction("Z_DEEP", []metadata.Parameter{
				{Field: metadata.Field{Name: "S", Kind: metadata.Structure, Type: typ}, Direction: metadata.Changing},
				{Field: metadata.Field{Name: "T", Kind: metadata.Table, Type: typ}, Direction: metadata.Tables},
			})
			require.NoError(t, err)
			in := Params{"S": value, "T": []Params{value.(Params)}}
			rec := NewRecord(typ)
			require.NoError(t, rec.Set("A", value.(Params)["A"]))
			f.BasXML = true
			for _, format := range []Format{Classic, BasXML, RowFast, ColumnFast} {
				w := Writer{Function: f, Format: format}
				b, err := w.Append(nil, in)
				require.NoError(t, err, format)
				s := Section{AllowFast: true}
				s.Reset(f, Representation{}, false)
				require.NoError(t, feed(&s, b), format)
				var out Params
				require.NoError(t, s.Scan(&out), format)
				require.Equal(t, in, out, format)
				js, err := s.AppendJSON(nil)
				require.NoError(t, err)
				back, err := FromJSON(f, js)
				require.NoError(t, err)
				require.Equal(t, in, back)
				_, err = s.Columns("T")
				require.NoError(t, err, format)
				for r, err := range Rows[*Record](&s, "T") {
					require.NoError(t, err, format)
					again, err := w.Append(nil, Params{"S": r, "T": []*Record{r}})
					require.NoError(t, err, format)
					require.Equal(t, b, again, format)
				}
				all := NewParameters(f)
				require.NoError(t, all.Set("S", rec))
				require.NoError(t, all.Set("T", in["T"]))
				for name, read := range map[string]func(r *Record) error{
					"JSON": func(r *Record) error { return r.UnmarshalJSON(js) },
					"XML": func(r *Record) error {
						doc, err := all.ToXML()
						require.NoError(t, err)
						return r.FromXML(doc)
					},
					"wire": func(r *Record) error { return s.Scan(r) },
				} {
					got := NewParameters(f)
					require.NoError(t, read(got), name)
					require.True(t, got.Equal(all), name)
				}
			}
		})
	}
}
