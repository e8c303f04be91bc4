package serialization

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/purerfc/purerfc/metadata"
)

// schemaDialect names the version of JSON Schema.
const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

// JSONSchema describes the JSON form of a function module (FromJSON, AppendJSON) as a JSON
// Schema of draft 2020-12: an object with the properties request and response, each usable by
// itself through $ref, and the structures under $defs. It has lengths, formats and, for
// requests, the parameters that must be there; further members are not allowed. The keyword
// x-abap has the ABAP type, as CHAR(10) or P(8,2), x-abap-default the text of ABAP's default value.
// Texts are counted in Unicode characters there and in UTF-16 here, so that a text of exactly
// the length may still be too long. The same interface gives the same bytes.
func JSONSchema(f *metadata.Function) ([]byte, error) {
	s := schemas{defs: map[string]any{}, names: map[schemaKey]string{}}
	request, response := s.object(), s.object()
	var required []string
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if p.Direction.Input() {
			m := s.field(&p.Field, true)
			if p.Default != "" {
				m["x-abap-default"] = p.Default
			}
			request["properties"].(map[string]any)[p.Name] = m
			if !p.Optional && p.Direction != metadata.Tables {
				required = append(required, p.Name)
			}
		}
		if p.Direction.Output() {
			response["properties"].(map[string]any)[p.Name] = s.field(&p.Field, false)
		}
	}
	if len(required) > 0 {
		request["required"] = required
	}
	all := s.object()
	all["$schema"], all["title"] = schemaDialect, f.Name
	if f.Text != "" {
		all["description"] = f.Text
	}
	all["properties"] = map[string]any{"request": request, "response": response}
	if len(s.defs) > 0 {
		all["$defs"] = s.defs
	}
	return json.MarshalIndent(all, "", "  ")
}

// schemaKey is a structure in one direction.
type schemaKey struct {
	t  *metadata.Type
	in bool
}

// schemas collects the structures. Each is written once, however often it is used.
type schemas struct {
	defs  map[string]any
	names map[schemaKey]string
}

func (s *schemas) object() map[string]any {
	return map[string]any{"type": "object", "properties": map[string]any{}, "additionalProperties": false}
}

// structure gives a reference to a structure.
func (s *schemas) structure(t *metadata.Type, in bool) map[string]any {
	key := schemaKey{t, in}
	name, done := s.names[key]
	if !done {
		base := strings.NewReplacer("/", "_", "~", "_").Replace(t.Name)
		if base == "" {
			base = "STRUCTURE"
		}
		if base += ".response"; in {
			base = strings.TrimSuffix(base, "response") + "request"
		}
		name = base
		for i := 2; s.defs[name] != nil; i++ { // another structure of that name
			name = fmt.Sprintf("%s.%d", base, i)
		}
		s.names[key] = name
		def := s.object()
		s.defs[name] = def
		properties := def["properties"].(map[string]any)
		for i := range t.Fields {
			properties[t.Fields[i].Name] = s.field(&t.Fields[i], in)
		}
		if t.Text != "" {
			def["description"] = t.Text
		}
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

// field describes a value. What is read is wider than what is written.
func (s *schemas) field(f *metadata.Field, in bool) map[string]any {
	var m map[string]any
	switch {
	case f.Kind.IsStructure():
		m = s.structure(f.Type, in)
	case f.Kind == metadata.Table:
		var items map[string]any
		if f.Type.Scalar() {
			items = s.field(&f.Type.Fields[0], in)
		} else {
			items = s.structure(f.Type, in)
		}
		m = map[string]any{"type": "array", "items": items}
	default:
		m = scalarSchema(f, in)
		m["x-abap"] = typeText(f)
	}
	if f.Text != "" {
		m["description"] = f.Text
	}
	return m
}

func scalarSchema(f *metadata.Field, in bool) map[string]any {
	text := func(more map[string]any) map[string]any {
		more["type"] = "string"
		return more
	}
	switch f.Kind {
	case metadata.Char:
		return text(map[string]any{"maxLength": f.Length})
	case metadata.String:
		return text(map[string]any{})
	case metadata.Numc:
		m := text(map[string]any{"maxLength": f.Length, "pattern": "^[0-9]*$"})
		if in {
			m["type"] = []string{"string", "integer"}
			m["minimum"] = 0
		}
		return m
	case metadata.Date:
		if in {
			return text(map[string]any{"pattern": "^([0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2})?$"})
		}
		return text(map[string]any{"maxLength": 8})
	case metadata.Time:
		if in {
			return text(map[string]any{"pattern": "^([0-9]{6}|[0-9]{2}:[0-9]{2}:[0-9]{2})?$"})
		}
		return text(map[string]any{"maxLength": 6})
	case metadata.Raw:
		return text(map[string]any{"contentEncoding": "base64", "maxLength": (f.Length + 2) / 3 * 4})
	case metadata.XString:
		return text(map[string]any{"contentEncoding": "base64"})
	case metadata.Int4, metadata.Int2, metadata.Int1, metadata.Int8:
		low, high := intRange(f.Kind)
		return map[string]any{"type": "integer", "minimum": low, "maximum": high}
	case metadata.Float:
		if in {
			return map[string]any{"type": "number", "minimum": -math.MaxFloat64, "maximum": math.MaxFloat64}
		}
		return map[string]any{"type": []string{"number", "string"}} // NaN and infinities are texts
	case metadata.Packed:
		digits := 2*f.Length - 1
		m := text(map[string]any{"pattern": fmt.Sprintf("^[+-]?[0-9]{1,%d}(\\.[0-9]{1,%d})?$", max(digits-f.Decimals, 1), max(f.Decimals, 1))})
		if f.Decimals == 0 {
			m["pattern"] = fmt.Sprintf("^[+-]?[0-9]{1,%d}$", digits)
		}
		if in {
			m = map[string]any{"type": []string{"string", "number"}}
		}
		return m
	case metadata.DecFloat16, metadata.DecFloat34:
		if in {
			return map[string]any{"type": []string{"string", "number"}}
		}
		return text(map[string]any{})
	default: // the compact types of time
		return text(map[string]any{})
	}
}
