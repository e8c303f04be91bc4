package repository

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// full is a repository that knows everything of a system, and what Save makes of it.
func full(t testing.TB, opts ...Option) (*Repository, *rfc.Mux, []byte) {
	t.Helper()
	mux := testMux(t, ChangedAt(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	r := New(connect(t, mux), append(opts, WithSystem("GOR"))...)
	var names []string
	for _, f := range mux.Search("*") {
		names = append(names, f.Name)
	}
	require.NoError(t, r.Preload(t.Context(), names...))
	_, err := r.Type(t.Context(), "NAMES_T")
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, r.Save(&b))
	return r, mux, b.Bytes()
}

func TestSavedDescriptionsAreThoseOfTheSystem(t *testing.T) {
	t.Parallel()
	r, mux, file := full(t)
	var again bytes.Buffer
	require.NoError(t, r.Save(&again))
	require.Equal(t, string(file), again.String(), "the same bytes each time")

	// Without a connection.
	offline := New(nil, WithSystem("gor"))
	require.NoError(t, offline.Load(bytes.NewReader(file)))
	for _, f := range mux.Search("*") {
		got, err := offline.Function(t.Context(), f.Name)
		require.NoError(t, err)
		require.Empty(t, diff(f, got), f.Name)
	}
	typ, err := offline.Type(t.Context(), "NAMES_T")
	require.NoError(t, err)
	require.True(t, typ.Scalar())
	require.Equal(t, []int{r.Stats().Functions, r.Stats().Types}, []int{offline.Stats().Functions, offline.Stats().Types})
	require.Zero(t, offline.Stats().Calls)
	again.Reset()
	require.NoError(t, offline.Save(&again))
	require.Equal(t, string(file), again.String(), "load and save are inverse")

	// With one: what is known stays, the rest is loaded, and can be checked in one round trip.
	conn := connect(t, mux)
	live := New(conn, WithSystem("GOR"))
	known, err := live.Function(t.Context(), "Z_NESTED")
	require.NoError(t, err)
	require.NoError(t, live.Load(bytes.NewReader(file)))
	kept, err := live.Function(t.Context(), "Z_NESTED")
	require.NoError(t, err)
	require.Same(t, known, kept)
	dropped, err := live.Revalidate(t.Context())
	require.NoError(t, err)
	require.Empty(t, dropped)
	require.EqualValues(t, 2, conn.calls.Load())
	require.EqualValues(t, r.Stats().Functions, live.Stats().Revalidated)
	moved := New(connect(t, testMux(t, ChangedAt(after.Add(time.Hour)))), WithSystem("GOR"))
	require.NoError(t, moved.Load(bytes.NewReader(file)))
	dropped, err = moved.Revalidate(t.Context())
	require.NoError(t, err)
	require.Len(t, dropped, r.Stats().Functions, "everything was changed since")

	// Nothing but descriptions.
	for _, secret := range []string{"secret", "DEVELOPER", "127.0.0.1"} {
		require.NotContains(t, string(file), secret)
	}
	empty := New(nil)
	again.Reset()
	require.NoError(t, empty.Save(&again))
	require.NoError(t, New(nil).Load(&again))
	require.ErrorContains(t, r.Save(noDisk{}), "disk full")
}

type noDisk struct{}

func (noDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLoadRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	head := `{"format":"purerfc repository","version":1,`
	types := `"types":[{"name":"ZROW","fields":[{"name":"A","kind":"C","length":10}]},{"fields":[{"kind":"C","length":3}]}]`
	names, functions := `,"names":[]`, `,"functions":[]}`
	whole := func(field string) string {
		return head + `"types":[{"name":"ZROW","fields":[` + field + `]}]` + names + functions
	}
	function := func(text string) string { return head + types + names + `,"functions":[` + text + `]}` }
	require.NoError(t, New(nil).Load(strings.NewReader(head+types+names+functions)))
	for name, tc := range map[string]struct{ file, want string }{
		"empty":             {"", "unexpected end"},
		"not JSON":          {"PK\x03\x04", "invalid character"},
		"another format":    {`{"format":"jco","version":1}`, `format "jco", "purerfc repository" is required`},
		"no format":         {`{}`, `format ""`},
		"version 0":         {`{"format":"purerfc repository"}`, "version 0, this release reads version 1"},
		"version 2":         {`{"format":"purerfc repository","version":2,"news":true}`, "version 2, this release reads version 1; save the descriptions anew"},
		"unknown member":    {head + types + names + `,"functions":[],"extra":1}`, `unknown field "extra"`},
		"text behind":       {head + types + names + functions + "{}", "after top-level value"},
		"system":            {head + `"system":"a4h",` + types + names + functions, "at most 8 characters in upper case"},
		"no letter":         {whole(`{"name":"A","kind":"CHAR","length":1}`), `type 0 (ZROW): field 0 (A): kind "CHAR", one letter`},
		"unknown kind":      {whole(`{"name":"A","kind":"Q"}`), `type "Q" cannot travel`},
		"reference":         {whole(`{"name":"A","kind":"r"}`), "object reference"},
		"no length":         {whole(`{"name":"A","kind":"C"}`), "CHAR of length 0"},
		"negative length":   {whole(`{"name":"A","kind":"X","length":-1}`), "BYTE of length -1"},
		"too long":          {whole(`{"name":"A","kind":"C","length":262144}`), "at most 262143"},
		"length of its own": {whole(`{"name":"A","kind":"I","length":4}`), "INT of length 4, it has one of its own"},
		"decimals":          {whole(`{"name":"A","kind":"P","length":2,"decimals":4}`), "4 decimals"},
		"decimals of CHAR":  {whole(`{"name":"A","kind":"C","length":2,"decimals":1}`), "CHAR with 1 decimals"},
		"twice a field":     {whole(`{"name":"A","kind":"I"},{"name":"A","kind":"I"}`), "field A twice"},
		"no fields":         {whole(``), "no fields"},
		"itself":            {whole(`{"name":"A","kind":"u","type":0}`), "type 0, there are 0 before it"},
		"nowhere":           {whole(`{"name":"A","kind":"h","type":-1}`), "type -1"},
		"no type":           {whole(`{"name":"A","kind":"h"}`), "TABLE without a type"},
		"type of CHAR":      {whole(`{"name":"A","kind":"C","length":1,"type":0}`), "CHAR with a type"},
		"bad type name":     {head + `"types":[{"name":"z","fields":[{"name":"A","kind":"I"}]}]` + names + functions, "lower case"},
		"no type name":      {head + `"types":[{"fields":[{"name":"A","kind":"I"}]}]` + names + functions, "without a name"},
		"nameless":          {head + `"types":[{"fields":[{"kind":"I"}]},{"name":"Z","fields":[{"name":"A","kind":"u","type":0}]}]` + names + functions, "structure whose type has no name"},
		"flat as deep":      {head + `"types":[{"name":"Y","fields":[{"name":"A","kind":"I"}]},{"name":"Z","fields":[{"name":"A","kind":"v","type":0}]}]` + names + functions, `kind "v", its type makes it "u"`},
		"twice a name":      {head + types + `,"names":[{"name":"T","type":0,"table":true},{"name":"T","type":1,"table":true}]` + functions, "name 1 (T): it is there twice"},
		"name of another":   {head + types + `,"names":[{"name":"T","type":0}]` + functions, `its type calls itself "ZROW"`},
		"name of nothing":   {head + types + `,"names":[{"name":"T","type":2}]` + functions, "type 2, there are 2"},
		"time":              {head + types + `,"names":[{"name":"ZROW","type":0,"changed":"yesterday"}]` + functions, "14 digits"},
		"function name":     {function(`{"name":"a b","parameters":[]}`), "invalid character"},
		"twice a function":  {function(`{"name":"F","parameters":[]},{"name":"F","parameters":[]}`), "function 1 (F): it is there twice"},
		"function's time":   {function(`{"name":"F","changed":"1","parameters":[]}`), "14 digits"},
		"direction":         {function(`{"name":"F","parameters":[{"direction":"SIDEWAYS","name":"A","kind":"I"}]}`), `direction "SIDEWAYS"`},
		"no table":          {function(`{"name":"F","parameters":[{"direction":"TABLES","name":"A","kind":"I"}]}`), "is not a table"},
		"parameter twice":   {function(`{"name":"F","parameters":[{"direction":"IMPORTING","name":"A","kind":"I"},{"direction":"EXPORTING","name":"A","kind":"I"}]}`), "parameter A twice"},
		"parameter name":    {function(`{"name":"F","parameters":[{"direction":"IMPORTING","kind":"I"}]}`), "empty name"},
		"parameter's kind":  {function(`{"name":"F","parameters":[{"direction":"IMPORTING","name":"A","kind":"v","type":0}]}`), `parameter A: kind "v", its type makes it "u"`},
		"parameter's type":  {function(`{"name":"F","parameters":[{"direction":"IMPORTING","name":"A","kind":"u","type":9}]}`), "parameter 0 (A): type 9"},
		"exception":         {function(`{"name":"F","parameters":[],"exceptions":[{"name":""}]}`), "exception 0: empty name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := New(nil, WithSystem("ABC"))
			err := r.Load(strings.NewReader(tc.file))
			e := wantError(t, err, rfc.ClassMetadata, "RFC_SERIALIZATION_FAILURE")
			require.Contains(t, e.Message, "saved descriptions: ")
			require.ErrorContains(t, err, tc.want)
			require.Zero(t, r.Stats().Functions+r.Stats().Types, "all or nothing")
			_, err = LoadStatic(strings.NewReader(tc.file))
			require.ErrorContains(t, err, tc.want)
		})
	}

	_, _, file := full(t)
	require.ErrorContains(t, New(nil, WithSystem("ABC")).Load(bytes.NewReader(file)), "those of the system GOR, this one is ABC")
	narrow := New(connectTo(t, testMux(t), rfc.System{Codepage: "1100"}, rfc.ConnConfig{AllowNonUnicode: true}), WithSystem("GOR"))
	require.ErrorContains(t, narrow.Load(bytes.NewReader(file)), "of a system that is Unicode, this one is not")
	require.ErrorContains(t, New(nil).Load(iotest.ErrReader(errors.New("no disk"))), "no disk")
	endless := io.MultiReader(strings.NewReader(head+`"types":[],"names":[],"functions":[`), bytes.NewReader(bytes.Repeat([]byte(" "), MaxSaved)))
	require.ErrorContains(t, New(nil).Load(endless), "more than 67108864 bytes")
	for i := range len(file) / 97 {
		require.Error(t, New(nil).Load(bytes.NewReader(file[:97*i])))
	}
}

// What is nested as deep as types may be takes as much time and memory as its text.
func TestLoadOfDeepTypesIsLinear(t *testing.T) {
	t.Parallel()
	file := saved{Format: savedFormat, Version: savedVersion}
	file.Types = append(file.Types, savedType{Name: "T0", Fields: []savedField{{Name: "A", Kind: "I"}}})
	for i := range metadata.MaxDepth {
		file.Types = append(file.Types, savedType{Name: fmt.Sprintf("T%d", i+1), Fields: []savedField{
			{Name: "A", Kind: "h", Type: new(i)}, {Name: "B", Kind: "h", Type: new(i)}, {Name: "C", Kind: "h", Type: new(i)},
		}})
	}
	file.Functions = []savedFunction{{Name: "F", Parameters: []savedParameter{{Direction: "IMPORTING", savedField: savedField{Name: "P", Kind: "h", Type: new(metadata.MaxDepth)}}}}}
	b, err := json.Marshal(file)
	require.NoError(t, err)
	r := New(nil)
	require.NoError(t, r.Load(bytes.NewReader(b)))
	f, err := r.Function(t.Context(), "F")
	require.NoError(t, err)
	other := New(nil)
	require.NoError(t, other.Load(bytes.NewReader(b)))
	g, err := other.Function(t.Context(), "F")
	require.NoError(t, err)
	require.True(t, sameFunction(f, g))
	r.Forget("F")
	file.Types = append(file.Types, savedType{Name: "DEEPER", Fields: []savedField{{Name: "A", Kind: "h", Type: new(metadata.MaxDepth)}}})
	b, err = json.Marshal(file)
	require.NoError(t, err)
	require.ErrorContains(t, r.Load(bytes.NewReader(b)), "nested 33 deep, at most 32")
}

func TestStaticRepository(t *testing.T) {
	t.Parallel()
	var b Builder
	b.Structure("ZROW", "ID:I NAME:C20 AMOUNT:P8.2").Table("ZROWS", "{ZROW}")
	b.Function("Z_READ", "IMPORTING KEY:C10\nEXPORTING ROWS:[ZROWS]\nRAISING NOT_FOUND")
	line, err := metadata.NewType("ZLINE", []metadata.Field{{Name: "A", Kind: metadata.Int4}})
	require.NoError(t, err)
	b.Type(line)
	typed, err := rfc.InterfaceOf[struct {
		Text string `rfc:"TEXT,char=10"`
	}, struct{}]("Z_TYPED")
	require.NoError(t, err)
	b.Add(typed)
	s, err := b.Build()
	require.NoError(t, err)
	f, err := s.Function(t.Context(), "z_read")
	require.NoError(t, err)
	again, err := s.Function(t.Context(), "Z_READ")
	require.NoError(t, err)
	require.Same(t, f, again)
	row, err := s.Type("zrows")
	require.NoError(t, err)
	require.Equal(t, "ZROW", row.Name)
	require.Len(t, s.Search("z_*"), 2)

	e := wantError(t, errorOf(s.Function(t.Context(), "Z_REED")), rfc.ClassMetadata, keyNotFound)
	require.Equal(t, "function Z_REED is not in the static repository; did you mean Z_READ?", e.Message)
	wantError(t, errorOf(s.Type("NOTHING_NEAR")), rfc.ClassMetadata, keyNotFound)
	wantError(t, errorOf(s.Type("a b")), rfc.ClassParameter, "")
	wantError(t, errorOf(s.Function(t.Context(), "a b")), rfc.ClassParameter, "")

	// Saved and read again it is the same, and a repository of a system may take it in.
	var file, second bytes.Buffer
	require.NoError(t, s.Save(&file))
	text := file.String()
	loaded, err := LoadStatic(&file)
	require.NoError(t, err)
	require.NoError(t, loaded.Save(&second))
	require.Equal(t, text, second.String())
	g, err := loaded.Function(t.Context(), "Z_READ")
	require.NoError(t, err)
	require.Empty(t, diff(f, g))
	require.NoError(t, New(nil, WithSystem("ABC")).Load(strings.NewReader(text)))

	// It describes calls like any other source.
	mux := rfc.NewMux()
	require.NoError(t, mux.Handle(f, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		reply.SetValue("ROWS", []rfc.Params{{"ID": 7, "NAME": "seven"}})
		return nil
	}))
	conn := connectTo(t, mux, rfc.System{}, rfc.ConnConfig{Functions: s})
	res, err := conn.Call(t.Context(), "Z_READ", rfc.Params{"KEY": "k"})
	require.NoError(t, err)
	rows, err := res.Value("ROWS")
	require.NoError(t, err)
	require.Len(t, rows, 1)

	var bad Builder
	bad.Structure("ZROW", "ID:Q").Table("ZROWS", "{GONE}").Type(nil).Add(nil).Add(typed).Add(typed)
	bad.Function("Z_BAD", "IMPORTING A:[NONE]")
	_, err = bad.Build()
	require.ErrorIs(t, err, rfc.ErrConfig)
	for _, want := range []string{"ZROW", "ZROWS", "nil type", "nil description", "Z_BAD", "Z_TYPED: defined twice"} {
		require.ErrorContains(t, err, want)
	}
}
