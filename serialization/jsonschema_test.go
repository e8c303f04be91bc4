package serialization_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// member walks a JSON document by the names of members.
func member(t *testing.T, doc any, path ...string) any {
	t.Helper()
	for _, name := range path {
		m, ok := doc.(map[string]any)
		require.True(t, ok, "%v", path)
		doc, ok = m[name]
		require.True(t, ok, "no %s in %v", name, path)
	}
	return doc
}

func TestJSONSchemaOfAnInterface(t *testing.T) {
	t.Parallel()
	var d metadata.Dictionary
	d.Structure("/ACME/ROW", "ID:I NAME:C20 AMOUNT:P8.2 WHEN:D AT:T RAW:X5 NO:N4 F:F D:a").Table("ROWS", "{/ACME/ROW}")
	f, err := d.Function("Z_F", "IMPORTING KEY:C10\nIMPORTING OPT:I OPTIONAL\nIMPORTING DEF:C1 DEFAULT 'X'\nEXPORTING TEXT:g\nCHANGING ROW:{/ACME/ROW}\nTABLES T:[/ACME/ROW]\nTABLES N:[C72] OPTIONAL\nEXPORTING H:[ROWS]\nIMPORTING TS:p OPTIONAL\nIMPORTING B:b OPTIONAL\nIMPORTING Y:y OPTIONAL")
	require.NoError(t, err)
	f.Text = "A text"
	f.Parameters[0].Text = "The key"
	text, err := serialization.JSONSchema(f)
	require.NoError(t, err)
	again, err := serialization.JSONSchema(f)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	var doc any
	require.NoError(t, json.Unmarshal(text, &doc))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", member(t, doc, "$schema"))
	require.Equal(t, []any{"Z_F", "A text"}, []any{member(t, doc, "title"), member(t, doc, "description")})
	request, response := member(t, doc, "properties", "request"), member(t, doc, "properties", "response")
	require.Equal(t, []any{"KEY", "ROW"}, member(t, request, "required"))
	require.Equal(t, false, member(t, request, "additionalProperties"))
	require.Equal(t, map[string]any{"type": "string", "maxLength": 10., "x-abap": "CHAR(10)", "description": "The key"}, member(t, request, "properties", "KEY"))
	require.Equal(t, "'X'", member(t, request, "properties", "DEF", "x-abap-default"))
	require.Equal(t, map[string]any{"$ref": "#/$defs/_ACME_ROW.request"}, member(t, request, "properties", "ROW"))
	require.Equal(t, "#/$defs/_ACME_ROW.response", member(t, response, "properties", "H", "items", "$ref"))
	require.Equal(t, 72., member(t, response, "properties", "N", "items", "maxLength"))
	require.NotContains(t, member(t, response, "properties"), "KEY")
	require.NotContains(t, member(t, request, "properties"), "TEXT")
	row := member(t, doc, "$defs", "_ACME_ROW.response", "properties")
	require.Equal(t, []any{-2147483648., 2147483647.}, []any{member(t, row, "ID", "minimum"), member(t, row, "ID", "maximum")})
	require.Equal(t, `^[+-]?[0-9]{1,13}(\.[0-9]{1,2})?$`, member(t, row, "AMOUNT", "pattern"))
	require.Equal(t, []any{8., "base64"}, []any{member(t, row, "RAW", "maxLength"), member(t, row, "RAW", "contentEncoding")})
	require.Equal(t, []any{"number", "string"}, member(t, row, "F", "type"))
	require.Equal(t, 255., member(t, request, "properties", "B", "maximum"))
	in := member(t, doc, "$defs", "_ACME_ROW.request", "properties")
	require.Equal(t, []any{"string", "number"}, member(t, in, "AMOUNT", "type"))
	require.Contains(t, member(t, in, "WHEN", "pattern"), "[0-9]{4}-[0-9]{2}-[0-9]{2}")
	// Every name of the interface is there, in the form that FromJSON reads and AppendJSON writes.
	p, err := serialization.FromJSON(f, []byte(`{"KEY":"k","ROW":{"ID":1,"NAME":"n","AMOUNT":"1.50","WHEN":"2026-01-02","AT":"01:02:03","RAW":"AQIDBAU=","NO":7,"F":1.5,"D":"2.5"},"T":[{"ID":2}],"N":["a"]}`))
	require.NoError(t, err)
	written, err := serialization.AppendJSON(nil, f, p)
	require.NoError(t, err)
	var values any
	require.NoError(t, json.Unmarshal(written, &values))
	for name := range member(t, values, "ROW").(map[string]any) {
		require.Contains(t, row, name)
	}

	// A structure of another form under the same name.
	line, err := metadata.NewType("/ACME/ROW", []metadata.Field{{Name: "OTHER", Kind: metadata.Int4}})
	require.NoError(t, err)
	g, err := metadata.NewFunction("Z_G", append(f.Parameters[:len(f.Parameters):len(f.Parameters)], metadata.Parameter{
		Field: metadata.Field{Name: "ZZ", Kind: metadata.Structure, Type: line}, Direction: metadata.Export,
	}))
	require.NoError(t, err)
	text, err = serialization.JSONSchema(g)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &doc))
	require.Equal(t, "#/$defs/_ACME_ROW.response.2", member(t, doc, "properties", "response", "properties", "ZZ", "$ref"))
}
