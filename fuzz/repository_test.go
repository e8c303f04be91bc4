package fuzz_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
)

// hostOf serves a mux on loopback and returns what logs on to it.
func hostOf(t testing.TB, mux *rfc.Mux) func() (*rfc.Conn, error) {
	t.Helper()
	srv := &gateway.Server{Handler: mux, Authenticate: gateway.Users{"U": "p"}.Authenticate}
	l, err := srv.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return func() (*rfc.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			return nil, err
		}
		conv, err := cpic.Open(context.Background(), nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
		if err != nil {
			return nil, err
		}
		return rfc.Open(context.Background(), conv, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "U", Password: "p"}})
	}
}

// tableText writes rows as lines "TABLE|value|value", in the order of the line type.
func tableText(b *strings.Builder, f *metadata.Function, table string, rows any) {
	p, _ := f.Parameter(table)
	list, _ := rows.([]rfc.Params)
	for _, row := range list {
		b.WriteString(table)
		for i := range p.Type.Fields {
			b.WriteByte('|')
			switch v := row[p.Type.Fields[i].Name].(type) {
			case string:
				b.WriteString(v)
			case int32:
				b.WriteString(strconv.Itoa(int(v)))
			}
		}
		b.WriteByte('\n')
	}
}

// tableRows reads such lines, as much of each value as its field holds.
func tableRows(f *metadata.Function, text string) rfc.Params {
	out := rfc.Params{}
	for line := range strings.SplitSeq(text, "\n") {
		table, rest, _ := strings.Cut(line, "|")
		p, ok := f.Parameter(table)
		if !ok || p.Direction != metadata.Tables {
			continue
		}
		row := rfc.Params{}
		values := strings.Split(rest, "|")
		for i := range min(len(values), len(p.Type.Fields)) {
			field := &p.Type.Fields[i]
			v := strings.ToValidUTF8(values[i], "?")
			switch field.Kind {
			case metadata.Char:
				if r := []rune(v); len(r) > field.Length/2+1 {
					v = string(r[:min(len(r), field.Length/2+1)])
				}
				row[field.Name] = v
			case metadata.Numc:
				if n, err := strconv.ParseUint(v, 10, 19); err == nil {
					row[field.Name] = strconv.FormatUint(n, 10)
				}
			case metadata.Int4:
				if n, err := strconv.ParseInt(v, 10, 32); err == nil {
					row[field.Name] = int32(n)
				}
			default:
			}
		}
		rows, _ := out[table].([]rfc.Params)
		out[table] = append(rows, row)
	}
	return out
}

// FuzzMetadataRows serves arbitrary rows of the metadata modules: a repository must answer
// with a description or with an error that says nothing was sent, and stay usable.
func FuzzMetadataRows(f *testing.F) {
	d := new(metadata.Dictionary)
	d.Structure("INNER", "A:C3 B:I P:P5.2")
	d.Table("INNER_T", "{INNER}")
	d.Structure("OUTER", "X:X1 I:{INNER} T:[INNER_T] N:N4 D:D G:g")
	fn, err := d.Function("Z_FUZZ", "IMPORTING O:{OUTER}\nEXPORTING E:[INNER_T]\nCHANGING C:C10\nTABLES T:[INNER]\nTABLES L:[C72]\nRAISING BAD")
	if err := errors.Join(err, d.Err()); err != nil {
		f.Fatal(err)
	}
	described := rfc.NewMux()
	nothing := func(context.Context, *rfc.Request, *rfc.Reply) error { return nil }
	if err := errors.Join(described.Handle(fn, nothing), repository.Register(described)); err != nil {
		f.Fatal(err)
	}
	ctx := context.Background()
	seeds, err := hostOf(f, described)()
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = seeds.Close() }()
	var text strings.Builder
	modules := map[string]*metadata.Function{}
	for name, in := range map[string]rfc.Params{
		"RFC_METADATA_GET":             {"DEEP": "X", "FUNCTIONNAMES": []rfc.Params{{"FUNCTIONNAME": "Z_FUZZ"}}},
		"RFC_GET_FUNCTION_INTERFACE":   {"FUNCNAME": "Z_FUZZ"},
		"DDIF_FIELDINFO_GET":           {"TABNAME": "OUTER"},
		"RFC_GET_STRUCTURE_DEFINITION": {"TABNAME": "INNER"},
	} {
		module := described.Describe(name)
		modules[name] = module
		res, err := seeds.Call(ctx, name, in, rfc.WithInterface(module))
		if err != nil {
			f.Fatal(err)
		}
		text.Reset()
		for i := range module.Parameters {
			p := &module.Parameters[i]
			if p.Direction != metadata.Tables {
				continue
			}
			rows, err := res.Value(p.Name)
			if err != nil {
				f.Fatal(err)
			}
			tableText(&text, module, p.Name, rows)
		}
		f.Add(text.String(), name == "RFC_METADATA_GET")
	}

	var rows string // what the host answers now; calls come one at a time
	serve := func(m *rfc.Mux, names ...string) {
		for _, name := range names {
			module := modules[name]
			err := m.Handle(module, func(_ context.Context, _ *rfc.Request, reply *rfc.Reply) error {
				out := tableRows(module, rows)
				switch name {
				case "RFC_GET_FUNCTION_INTERFACE":
					out["REMOTE_CALL"] = "R"
				case "DDIF_FIELDINFO_GET":
					out["DDOBJTYPE"] = "INTTAB"
				}
				reply.Set(out)
				return nil
			})
			if err != nil {
				f.Fatal(err)
			}
		}
	}
	deepMux, oldMux := rfc.NewMux(), rfc.NewMux()
	serve(deepMux, "RFC_METADATA_GET")
	serve(oldMux, "RFC_GET_FUNCTION_INTERFACE", "DDIF_FIELDINFO_GET", "RFC_GET_STRUCTURE_DEFINITION")
	dial := map[bool]func() (*rfc.Conn, error){true: hostOf(f, deepMux), false: hostOf(f, oldMux)}
	conns := map[bool]*rfc.Conn{}
	f.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})

	f.Fuzz(func(t *testing.T, answer string, whole bool) {
		if len(answer) > 64<<10 {
			return
		}
		rows = answer
		conn := conns[whole]
		if conn == nil || !conn.Alive() { // rows that the host cannot write end a session
			var err error
			if conn, err = dial[whole](); err != nil {
				t.Fatal(err)
			}
			conns[whole] = conn
		}
		r := repository.New(conn)
		for _, name := range []string{"Z_FUZZ", "OUTER"} {
			var err error
			if name == "OUTER" {
				var typ *metadata.Type
				if typ, err = r.Type(t.Context(), name); err == nil && typ.Layout(2).Total < typ.Layout(2).Used {
					t.Fatalf("type %s: total below used", name)
				}
			} else {
				_, err = r.Function(t.Context(), name)
			}
			if err == nil {
				continue
			}
			e, ok := errors.AsType[*rfc.Error](err)
			if !ok || e.Outcome != rfc.NotSent {
				t.Fatalf("error without an outcome: %v", err)
			}
		}
	})
}

// FuzzRepositoryLoad reads arbitrary files of saved descriptions: what is taken can be saved
// and read again as the same.
func FuzzRepositoryLoad(f *testing.F) {
	var b repository.Builder
	b.Structure("INNER", "A:C3 B:I P:P5.2").Table("INNER_T", "{INNER}").Table("NAMES_T", "C30")
	b.Structure("OUTER", "X:X1 I:{INNER} T:[INNER_T] N:N4 D:D G:g L:[NAMES_T]")
	b.Function("Z_FUZZ", "IMPORTING O:{OUTER}\nEXPORTING E:[INNER_T]\nCHANGING C:C10 DEFAULT SPACE\nTABLES T:[INNER]\nTABLES L:[C72]\nRAISING BAD")
	b.Function("Z_NONE", "")
	s, err := b.Build()
	if err != nil {
		f.Fatal(err)
	}
	var seed bytes.Buffer
	if err := s.Save(&seed); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Add([]byte(`{"format":"purerfc repository","version":1,"system":"ABC","types":[],"names":[],"functions":[]}`))
	f.Add([]byte(`{"format":"purerfc repository","version":2}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r := repository.New(nil)
		if err := r.Load(bytes.NewReader(file)); err != nil {
			if e, ok := errors.AsType[*rfc.Error](err); !ok || e.Outcome != rfc.NotSent {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		var first, second bytes.Buffer
		if err := r.Save(&first); err != nil {
			t.Fatal(err)
		}
		again := repository.New(nil)
		if err := again.Load(bytes.NewReader(first.Bytes())); err != nil {
			t.Fatalf("%v\n%s", err, first.Bytes())
		}
		if err := again.Save(&second); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("saved\n%s\nand again\n%s", first.Bytes(), second.Bytes())
		}
		for _, fn := range r.Cached("*") {
			r.Forget(fn.Name)
		}
	})
}
