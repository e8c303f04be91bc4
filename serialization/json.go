package serialization

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/metadata"
)

// JSONError says where in a JSON text a value cannot be used.
type JSONError struct {
	// Line and Column count from 1, Column in bytes.
	Line, Column int
	Err          error
}

// Error implements error: "json line 3 column 14: MENGE: P(8,3): ...".
func (e *JSONError) Error() string {
	return fmt.Sprintf("json line %d column %d: %v", e.Line, e.Column, e.Err)
}

// Unwrap gives the cause: one of the errors of this package, or of encoding/json.
func (e *JSONError) Unwrap() error { return e.Err }

// FromJSON reads the values of a call from a JSON object whose keys are the names of
// parameters in upper case. Structures are objects, tables arrays of objects, or of plain
// values for unnamed lines. Texts, NUM, DATE ("YYYYMMDD" or "YYYY-MM-DD") and TIME ("HHMMSS"
// or "HH:MM:SS") are strings, and so are the compact types of time (spec 20.8), X and XSTRING
// base64 strings, P and DECFLOAT numbers or strings: they never pass through a float. null
// means: not supplied.
//
// The result has the default Go types of the package; tables are []Params or []any.
func FromJSON(f *metadata.Function, data []byte) (Params, error) {
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	p, err := r.params(f)
	if err != nil {
		return nil, err
	}
	off := r.start()
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, r.fail(off, errors.New("text behind the end of the object"))
	}
	return p, nil
}

type jsonReader struct {
	data []byte
	dec  *json.Decoder
}

// start is the offset of the next token.
func (r *jsonReader) start() int {
	i := int(r.dec.InputOffset())
	for i < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[i]) >= 0 {
		i++
	}
	return i
}

func (r *jsonReader) fail(off int, err error) error {
	if _, ok := errors.AsType[*JSONError](err); ok {
		return err
	}
	off = min(off, len(r.data))
	before := r.data[:off]
	return &JSONError{
		Line: bytes.Count(before, []byte("\n")) + 1, Column: off - bytes.LastIndexByte(before, '\n'), Err: err,
	}
}

func (r *jsonReader) params(f *metadata.Function) (Params, error) {
	out := Params{}
	return out, r.object(func(name string, off int) error {
		p, ok := f.Parameter(name)
		if !ok {
			return r.fail(off, UnknownParameter(f, name))
		}
		return r.member(out, &p.Field, name, off)
	})
}

// object reads an object; fn reads the value of each key.
func (r *jsonReader) object(fn func(name string, off int) error) error {
	off := r.start()
	tok, err := r.dec.Token()
	if err != nil {
		return r.fail(off, err)
	}
	if tok != json.Delim('{') {
		return r.fail(off, &ShapeError{Got: jsonType(tok), Want: "an object"})
	}
	for r.dec.More() {
		off := r.start()
		tok, err := r.dec.Token()
		if err != nil {
			return r.fail(off, err)
		}
		name, _ := tok.(string)
		if err := fn(name, off); err != nil {
			return err
		}
	}
	off = r.start()
	if _, err := r.dec.Token(); err != nil {
		return r.fail(off, err)
	}
	return nil
}

func (r *jsonReader) member(out Params, f *metadata.Field, name string, off int) error {
	if _, dup := out[name]; dup {
		return r.fail(off, fmt.Errorf("%s twice", name))
	}
	v, err := r.value(f)
	if err != nil {
		return at(name, err)
	}
	if v != nil {
		out[name] = v
	}
	return nil
}

func (r *jsonReader) structure(t *metadata.Type) (Params, error) {
	out := Params{}
	return out, r.object(func(name string, off int) error {
		f, ok := t.Field(name)
		if !ok {
			return r.fail(off, &NameError{Name: name, Suggestion: nearest.Name(name, t.Names())})
		}
		return r.member(out, f, name, off)
	})
}

// value reads one value; nil for null.
func (r *jsonReader) value(f *metadata.Field) (any, error) {
	off := r.start()
	if off < len(r.data) && r.data[off] == 'n' {
		_, err := r.dec.Token()
		if err != nil {
			return nil, r.fail(off, err)
		}
		return nil, nil
	}
	switch {
	case f.Kind.IsStructure():
		p, err := r.structure(f.Type)
		if err != nil {
			return nil, err
		}
		return p, nil
	case f.Kind == metadata.Table:
		return r.table(f.Type)
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, r.fail(off, err)
	}
	v, err := jsonScalar(f, tok)
	if err != nil {
		return nil, r.fail(off, err)
	}
	return v, nil
}

func (r *jsonReader) table(line *metadata.Type) (any, error) {
	off := r.start()
	tok, err := r.dec.Token()
	if err != nil {
		return nil, r.fail(off, err)
	}
	if tok != json.Delim('[') {
		return nil, r.fail(off, &ShapeError{Got: jsonType(tok), Want: "an array for a TABLE"})
	}
	rows, values := []Params{}, []any{}
	for i := 0; r.dec.More(); i++ {
		off := r.start()
		if line.Scalar() && off < len(r.data) && r.data[off] != '{' {
			v, err := r.value(&line.Fields[0])
			if err == nil && v == nil {
				err = r.fail(off, nilRow())
			}
			if err != nil {
				return nil, at(fmt.Sprintf("[%d]", i), err)
			}
			values = append(values, v)
			continue
		}
		row, err := r.structure(line)
		if err != nil {
			return nil, at(fmt.Sprintf("[%d]", i), err)
		}
		rows, values = append(rows, row), append(values, row)
	}
	off = r.start()
	if _, err := r.dec.Token(); err != nil {
		return nil, r.fail(off, err)
	}
	if line.Scalar() {
		return values, nil
	}
	return rows, nil
}

func jsonType(tok json.Token) string {
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '{' {
			return "object"
		}
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case nil:
		return "null"
	}
	return "number"
}

// jsonScalar converts a token to the default Go type of a field.
func jsonScalar(f *metadata.Field, tok json.Token) (any, error) {
	text, isText := tok.(string)
	number, isNumber := tok.(json.Number)
	switch f.Kind {
	case metadata.Char, metadata.String:
		if isText {
			return text, nil
		}
	case metadata.Numc:
		if isText {
			return text, nil
		}
		if isNumber {
			return string(number), nil
		}
	case metadata.Date:
		if isText {
			d, err := abap.ParseDate(text)
			if err != nil {
				return nil, abapError(f, err)
			}
			return d, nil
		}
	case metadata.Time:
		if isText {
			t, err := abap.ParseTime(text)
			if err != nil {
				return nil, abapError(f, err)
			}
			return t, nil
		}
	case metadata.Raw, metadata.XString:
		if isText {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, &ConversionError{Kind: typeText(f), Value: quote(text), Reason: BadText, Text: "base64 is required", Err: err}
			}
			return b, nil
		}
	case metadata.Int4, metadata.Int2, metadata.Int1, metadata.Int8:
		if isNumber {
			n, _, err := integer(f, number)
			if err != nil {
				return nil, err
			}
			to := reflect.New(defaultType(f)).Elem()
			if low, high := intRange(f.Kind); n < low || n > high {
				return nil, refusef(f, Overflow, string(number), "%d is out of range %d to %d", n, low, high)
			}
			if err := assignInt(f, to, n); err != nil {
				return nil, err
			}
			return to.Interface(), nil
		}
	case metadata.Float:
		if isNumber {
			x, _, err := float(f, number)
			return x, err
		}
	case metadata.Packed, metadata.DecFloat16, metadata.DecFloat34:
		if isNumber || isText {
			d, _, err := decimalText(f, text+string(number))
			return d, err
		}
	default: // the compact types of time
		if isText {
			raw, _, err := rawTime(f, text)
			if err != nil {
				return nil, err
			}
			return timeOfRaw(f, raw)
		}
	}
	return nil, refusef(f, WrongType, "", "a JSON %s cannot be converted", jsonType(tok))
}

// AppendJSON appends the received values as a JSON object: parameters and fields in the
// order of the interface. DATE and TIME are their raw characters, the compact types of time
// their texts (spec 20.8), P and DECFLOAT strings with all digits, X and XSTRING base64. Parameters that were not received are left out.
func (s *Section) AppendJSON(dst []byte) ([]byte, error) {
	p := Params{}
	if err := s.scanMap(p); err != nil {
		return dst, err
	}
	return AppendJSON(dst, s.f, p)
}

// AppendJSON appends values as Section.AppendJSON does. Names that the function does not
// have are an error.
func AppendJSON(dst []byte, f *metadata.Function, p Params) ([]byte, error) {
	out := append(dst, '{')
	var err error
	n := 0
	for i := range f.Parameters {
		g := &f.Parameters[i].Field
		v, ok := p[g.Name]
		if !ok {
			continue
		}
		if out, err = appendMember(out, g, v, n); err != nil {
			return dst, at(g.Name, err)
		}
		n++
	}
	if n != len(p) {
		for name := range p {
			if f.Index(name) < 0 {
				return dst, UnknownParameter(f, name)
			}
		}
	}
	return append(out, '}'), nil
}

func appendMember(dst []byte, f *metadata.Field, v any, n int) ([]byte, error) {
	if n > 0 {
		dst = append(dst, ',')
	}
	dst = append(appendJSONString(dst, f.Name), ':')
	return appendJSONValue(dst, f, v)
}

func appendJSONValue(dst []byte, f *metadata.Field, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return appendJSONString(dst, v), nil
	case abap.Date, abap.Time, abap.Timestamp, abap.TimeOfDay, abap.Week, abap.Month, abap.MonthDay:
		return appendJSONString(dst, timeText(f, v)), nil
	case abap.Decimal:
		return appendJSONString(dst, decimalString(f, v)), nil
	case []byte:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v)
		return append(dst, '"'), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return appendJSONString(dst, strconv.FormatFloat(v, 'g', -1, 64)), nil
		}
		return appendFloat(dst, v), nil
	case *Record:
		if v == nil || v.shape == nil {
			return dst, noRecord()
		}
		return appendRecordJSON(dst, v)
	case *Table:
		if v == nil || v.line == nil {
			return dst, noRecord()
		}
		return appendTableJSON(dst, v)
	case map[string]any:
		return appendJSONObject(dst, f, v)
	case Params:
		return appendJSONObject(dst, f, v)
	}
	rv := reflect.ValueOf(v)
	switch k := rv.Kind(); {
	case k >= reflect.Int && k <= reflect.Int64:
		return strconv.AppendInt(dst, rv.Int(), 10), nil
	case k >= reflect.Uint && k <= reflect.Uint64:
		return strconv.AppendUint(dst, rv.Uint(), 10), nil
	case k == reflect.Slice && f.Kind == metadata.Table:
		dst = append(dst, '[')
		line := metadata.Field{Kind: metadata.Structure, Type: f.Type}
		var err error
		for i := range rv.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			row, g := rv.Index(i).Interface(), &line
			switch row.(type) {
			case Params, map[string]any:
			default:
				if f.Type.Scalar() {
					g = &f.Type.Fields[0]
				}
			}
			if dst, err = appendJSONValue(dst, g, row); err != nil {
				return dst, atRow(i, err)
			}
		}
		return append(dst, ']'), nil
	}
	return dst, wrongType(f, v)
}

func appendJSONObject(dst []byte, f *metadata.Field, m map[string]any) ([]byte, error) {
	if f.Type == nil {
		return dst, wrongType(f, m)
	}
	dst = append(dst, '{')
	n := 0
	var err error
	for i := range f.Type.Fields {
		g := &f.Type.Fields[i]
		v, ok := m[g.Name]
		if !ok {
			continue
		}
		if dst, err = appendMember(dst, g, v, n); err != nil {
			return dst, at(g.Name, err)
		}
		n++
	}
	if n != len(m) {
		return dst, unknownField(f.Type, m)
	}
	return append(dst, '}'), nil
}

// appendJSONString quotes a string; bytes that are not UTF-8 become U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}
