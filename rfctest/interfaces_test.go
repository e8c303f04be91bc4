package rfctest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// source is a repository that is made behind the connection it asks over.
type source struct{ *repository.Repository }

// withRepository connects with a repository of its own.
func withRepository(t testing.TB, sys *rfctest.System, opts ...repository.Option) (*rfc.Conn, *repository.Repository) {
	t.Helper()
	s := new(source)
	conn := dialAs(t, sys, func(c *destination.Config) { c.Functions = s })
	s.Repository = repository.New(conn, opts...)
	return conn, s.Repository
}

// withoutModules makes a system answer as if it did not have some modules.
func withoutModules(sys *rfctest.System, names ...string) {
	for _, name := range names {
		sys.Intercept(name, func(rfc.HandlerFunc) rfc.HandlerFunc {
			return func(context.Context, *rfc.Request, *rfc.Reply) error {
				return rfc.RaiseMessage("FU_NOT_FOUND", "FL", "E", "046", name)
			}
		})
	}
}

// echoModule registers a module that returns what it gets under the same names.
func echoModule(t testing.TB, sys *rfctest.System, f *metadata.Function) {
	t.Helper()
	require.NoError(t, sys.Mux().Handle(f, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		for _, p := range f.Parameters {
			if !p.Direction.Input() || !p.Direction.Output() || !req.Supplied(p.Name) {
				continue
			}
			v, err := req.Value(p.Name)
			if err != nil {
				return err
			}
			reply.SetValue(p.Name, v)
		}
		return nil
	}))
}

// wide describes a structure by its number of fields and its two widths: as many packed
// numbers of eight bytes as the widths demand, which are the same for both, and texts.
func wide(t testing.TB, d *metadata.Dictionary, name string, fields, narrow, unicode int) {
	t.Helper()
	rest := 2*narrow - unicode
	require.Zero(t, rest%8)
	numbers := rest / 8
	texts, chars := fields-numbers, narrow-rest
	var list []string
	for i := range fields {
		// Spread evenly, so that both kinds stand at all kinds of offsets.
		if (i+1)*numbers/fields > i*numbers/fields {
			list = append(list, fmt.Sprintf("P%d:P8.%d", i, i%3))
			continue
		}
		n := chars / texts
		chars, texts = chars-n, texts-1
		list = append(list, fmt.Sprintf("C%d:C%d", i, n))
	}
	d.Structure(name, strings.Join(list, " "))
}

// K-08, K-09: interfaces of the shape of two sales order modules: dozens of parameters, rows
// of hundreds of components. The widths are the asserted ones; the components are not SAP's.
func TestK08K09WideInterfaces(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id, table       string
		parameters      int
		fields          int
		narrow, unicode int
		further         func(d *metadata.Dictionary) string
	}{
		{"K-08", "ORDER_ITEMS_OUT", 32, 228, 1608, 2840, func(d *metadata.Dictionary) string {
			view := make([]string, 17)
			for i := range view {
				view[i] = fmt.Sprintf("FLAG%d:C1", i)
			}
			d.Structure("Z_VIEW", strings.Join(view, " "))
			return "CHANGING VIEW:{Z_VIEW} OPTIONAL"
		}},
		{"K-09", "ORDER_ITEMS", 34, 237, 1992, 3608, func(d *metadata.Dictionary) string {
			// The public field list of BAPIRET2 (spec 24.6).
			d.Structure("Z_RETURN", `TYPE:C1 ID:C20 NUMBER:N3 MESSAGE:C220 LOG_NO:C20 LOG_MSG_NO:N6 MESSAGE_V1:C50 MESSAGE_V2:C50
				MESSAGE_V3:C50 MESSAGE_V4:C50 PARAMETER:C32 ROW:I FIELD:C30 SYSTEM:C10`)
			return "TABLES RETURN:[Z_RETURN]"
		}},
	} {
		t.Run(tc.id, func(t *testing.T) {
			t.Parallel()
			d := new(metadata.Dictionary)
			wide(t, d, "Z_WIDE", tc.fields, tc.narrow, tc.unicode)
			d.Structure("Z_SMALL", "A:C10 B:P8.2 C:N6 D:D")
			lines := []string{"TABLES " + tc.table + ":[Z_WIDE]", tc.further(d)}
			for i := len(lines); i < tc.parameters; i++ {
				lines = append(lines, fmt.Sprintf([]string{"TABLES T%d:[Z_SMALL]", "IMPORTING I%d:C10 OPTIONAL", "EXPORTING E%d:P8.2", "CHANGING C%d:{Z_SMALL} OPTIONAL"}[i%4], i))
			}
			f, err := d.Function("Z_SALES_ORDER_"+tc.id[2:], strings.Join(lines, "\n"))
			require.NoError(t, errors.Join(err, d.Err()))
			for _, system := range [][]rfctest.Option{nil, {rfctest.WithCodepage("1100")}} {
				for _, missing := range [][]string{nil, {"RFC_METADATA_GET"}} {
					sys := start(t, system...)
					echoModule(t, sys, f)
					withoutModules(sys, missing...)
					conn, repo := withRepository(t, sys)
					got, err := repo.Function(t.Context(), f.Name)
					require.NoError(t, err)
					require.Len(t, got.Parameters, tc.parameters)
					items, ok := got.Parameter(tc.table)
					require.True(t, ok)
					require.Len(t, items.Type.Fields, tc.fields)
					require.Equal(t, []int{tc.narrow, tc.unicode}, []int{items.Type.Layout(1).Total, items.Type.Layout(2).Total})
					if view, ok := got.Parameter("VIEW"); ok {
						require.Len(t, view.Type.Fields, 17)
						require.Equal(t, []int{17, 34}, []int{view.Width(1), view.Width(2)})
					}
					if ret, ok := got.Parameter("RETURN"); ok {
						require.Len(t, ret.Type.Fields, 14)
						require.Equal(t, []int{548, 1088}, []int{ret.Type.Layout(1).Total, ret.Type.Layout(2).Total})
					}
					// A row with something in every component.
					row := rfc.Params{}
					for i := range items.Type.Fields {
						field := &items.Type.Fields[i]
						if field.Kind == metadata.Packed {
							row[field.Name], err = abap.FromInt64(int64(i * 1000)).Rescale(field.Decimals)
							require.NoError(t, err)
						} else {
							row[field.Name] = strings.Repeat(string(rune('A'+i%26)), field.Length)
						}
					}
					out := call(t, conn, f.Name, rfc.Params{tc.table: []rfc.Params{row, {}, row}})
					rows := out[tc.table].([]rfc.Params)
					require.Len(t, rows, 3)
					require.Empty(t, diff(row, rows[2]))
					require.Len(t, rows[1], tc.fields)
				}
			}
		})
	}
}

// K-07: what a description says of a parameter, ten things, and of a component, eight.
func TestK07DescriptionsAreComplete(t *testing.T) {
	t.Parallel()
	sys := start(t)
	d := new(metadata.Dictionary)
	d.Structure("ZK07", "ID:I NAME:C20 AMOUNT:P8.3 WHEN:D")
	f, err := d.Function("Z_K07", "CHANGING S:{ZK07}\nEXPORTING E:F\nIMPORTING I:C10 DEFAULT 'X'\nTABLES T:[ZK07]")
	require.NoError(t, errors.Join(err, d.Err()))
	for i := range f.Parameters {
		f.Parameters[i].Text = "Text of " + f.Parameters[i].Name
	}
	f.Parameters[2].TypeName = "ZDE_TEXT"
	echoModule(t, sys, f)
	_, repo := withRepository(t, sys)
	got, err := repo.Function(t.Context(), "Z_K07")
	require.NoError(t, err)
	var params [][]any
	for i := range got.Parameters {
		p := &got.Parameters[i]
		name := p.TypeName
		if p.Type != nil {
			name = p.Type.Name
		}
		params = append(params, []any{p.Name, p.Kind.String(), p.Direction.String(), p.Width(1), p.Width(2), p.Decimals, p.Default, p.Optional, p.Text, name})
	}
	require.Equal(t, [][]any{
		{"S", "STRUCTURE", "CHANGING", 40, 68, 0, "", false, "Text of S", "ZK07"},
		{"E", "FLOAT", "EXPORTING", 8, 8, 16, "", false, "Text of E", ""},
		{"I", "CHAR", "IMPORTING", 10, 20, 0, "'X'", true, "Text of I", "ZDE_TEXT"},
		{"T", "TABLE", "TABLES", 8, 8, 0, "", false, "Text of T", "ZK07"},
	}, params)
	line := got.Parameters[3].Type
	var fields [][]any
	for i := range line.Fields {
		field := &line.Fields[i]
		name := field.TypeName
		fields = append(fields, []any{field.Name, field.Kind.String(), field.Width(1), line.Layout(1).Offsets[i], field.Width(2), line.Layout(2).Offsets[i], field.Decimals, name})
	}
	require.Equal(t, [][]any{
		{"ID", "INT", 4, 0, 4, 0, 0, ""},
		{"NAME", "CHAR", 20, 4, 40, 4, 0, ""},
		{"AMOUNT", "BCD", 8, 24, 8, 44, 3, ""},
		{"WHEN", "DATE", 8, 32, 16, 52, 0, ""},
	}, fields)
}

// K-11: a description that was dropped is fetched anew, and calls go on.
func TestK11ClearedDescriptionsAreFetchedAnew(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn, repo := withRepository(t, sys)
	for n, drop := range []func(){func() {}, func() { repo.Forget("STFC_CONNECTION") }, repo.Clear} {
		drop()
		for range 2 {
			require.Equal(t, "again", call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "again"})["ECHOTEXT"])
		}
		require.EqualValues(t, n+1, sys.Calls("RFC_METADATA_GET"))
	}
}

// K-12: without a cache every look-up asks the system, and gets the same.
func TestK12WithoutCacheEveryLookupAsks(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn, repo := withRepository(t, sys, repository.WithoutCache())
	first, err := repo.Function(t.Context(), "STFC_STRUCTURE")
	require.NoError(t, err)
	for n := range 3 {
		call(t, conn, "STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{}})
		f, err := repo.Function(t.Context(), "STFC_STRUCTURE")
		require.NoError(t, err)
		require.NotSame(t, first, f)
		require.Equal(t, first.Parameters[0].Type.Fields, f.Parameters[0].Type.Fields)
		require.EqualValues(t, 1+2*(n+1), sys.Calls("RFC_METADATA_GET"))
	}
}

// K-16: the modes R and X of a function module are both remote-enabled; X says that binary
// XML is read, too.
func TestK16BothRemoteModesAreCalled(t *testing.T) {
	t.Parallel()
	sys := start(t)
	withoutModules(sys, "RFC_METADATA_GET")
	modes := map[string]string{}
	sys.Intercept("RFC_GET_FUNCTION_INTERFACE", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			name, err := req.Value("FUNCNAME")
			if err != nil {
				return err
			}
			if name == "STFC_STRING" { // exists, but cannot be called from outside
				reply.SetValue("REMOTE_CALL", "")
				return nil
			}
			modes[name.(string)] = map[bool]string{true: "X", false: "R"}[sys.Mux().Describe(name.(string)).BasXML]
			return next(ctx, req, reply)
		}
	})
	conn, repo := withRepository(t, sys)
	for name, mode := range map[string]string{"STFC_CHANGING": "R", "STFC_DEEP_STRUCTURE": "X"} {
		f, err := repo.Function(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, mode, modes[name])
		require.Equal(t, mode == "X", f.BasXML)
	}
	call(t, conn, "STFC_CHANGING", rfc.Params{"START_VALUE": 1, "COUNTER": 1})
	call(t, conn, "STFC_DEEP_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{"STR": "text"}})
	_, err := repo.Function(t.Context(), "STFC_STRING")
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "FU_NOT_FOUND", e.Key)
}

// K-17: 464 bytes in the dictionary, 462 on the wire: the fill at the end of a row is not
// sent, and not missed.
func TestK17RowsWithoutTheirFillAreRead(t *testing.T) {
	t.Parallel()
	tap := new(traffic)
	sys := start(t, rfctest.WithConn(tap.wrap))
	_, repo := withRepository(t, sys)
	f, err := repo.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	require.Len(t, f.Parameters, 3)
	rows := tap.behind(true, []byte("\x03\x02\x00\x08\x00\x00\x01\xd0\x00\x00\x00\x03\x03\x02")) // three rows of 464 bytes
	require.NotNil(t, rows)
	require.Equal(t, "\x03\x03\x01\xce", string(rows[:4])) // of which 462 are used
}
