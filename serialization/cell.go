package serialization

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/metadata"
)

// cell is one field of a row: where it lies and what it is.
type cell struct {
	f          *metadata.Field
	off, width int
	sub        *rowPlan // structures
}

// mapEntry is about what an entry of a map takes.
const mapEntry = 48

// initialSize is about the memory of the initial value as default Go type, beside the entry
// of the map that holds it.
func (cl *cell) initialSize() int {
	switch {
	case cl.sub != nil && cl.f.Kind.IsStructure():
		return cl.sub.initialSize
	case cl.f.Kind == metadata.Raw || cl.f.Kind == metadata.Numc:
		return cl.width
	default:
		return 0
	}
}

// rowPlan is a structure in one representation.
type rowPlan struct {
	coder
	typ         *metadata.Type
	cells       []cell
	tags        []string // element names of the fields in documents
	initial     []byte   // a row of initial values, declared width; empty for deep types
	used, total int
	initialSize int // memory of a map of initial values
}

type rowKey struct {
	typ *metadata.Type
	rep Representation
	opt Options
}

var rowPlans planCache[rowKey, *rowPlan]

// planRow gives the plan of a type, compiled once.
func planRow(t *metadata.Type, c *coder) *rowPlan {
	key := rowKey{t, c.Representation, c.Options}
	if p, ok := rowPlans.get(key); ok {
		return p
	}
	l := t.Layout(c.CharWidth())
	p := &rowPlan{coder: *c, typ: t, cells: make([]cell, len(t.Fields)), tags: make([]string, len(t.Fields)), used: l.Used, total: l.Total}
	if !t.Deep() {
		p.initial = make([]byte, l.Total)
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		cl := &p.cells[i]
		p.tags[i] = escapeName(f.Name)
		*cl = cell{f: f, off: l.Offsets[i], width: f.Width(c.CharWidth())}
		if f.Type != nil {
			cl.sub = planRow(f.Type, c)
		}
		p.initialSize += mapEntry + cl.initialSize()
		if p.initial != nil {
			c.fillInitial(p.initial[cl.off:cl.off+cl.width], cl)
		}
	}
	rowPlans.put(key, p)
	return p
}

const zeros, blanks = "00000000", "        "

// fillInitial writes the initial value of a field.
func (c *coder) fillInitial(dst []byte, cl *cell) {
	switch cl.f.Kind {
	case metadata.Char:
		c.repeat(dst, " ")
	case metadata.Numc, metadata.Date, metadata.Time:
		c.repeat(dst, "0")
	case metadata.Packed:
		clear(dst)
		dst[len(dst)-1] = 0x0c
	case metadata.DecFloat16, metadata.DecFloat34:
		c.putDecFloat(dst, initialDecFloat(cl.f.Kind), 0)
	case metadata.Structure:
		copy(dst, cl.sub.initial)
	default:
		clear(dst)
	}
}

// repeat fills cells with one ASCII character.
func (c *coder) repeat(dst []byte, char string) {
	n := c.CharWidth()
	if len(dst) < n {
		return
	}
	c.fillASCII(dst[:n], char)
	for ; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// encodeMap writes the values of a map over a row of initial values.
func (p *rowPlan) encodeMap(row []byte, m map[string]any) error {
	found := 0
	for i := range p.cells {
		cl := &p.cells[i]
		v, ok := m[cl.f.Name]
		if !ok {
			continue
		}
		found++
		if err := p.encode(row[cl.off:cl.off+cl.width], cl, v, 0); err != nil {
			return at(cl.f.Name, err)
		}
	}
	if found != len(m) {
		return unknownField(p.typ, m)
	}
	return nil
}

// unknownField names the first key, in byte order, that the type does not have.
func unknownField(t *metadata.Type, m map[string]any) error {
	var unknown []string
	for name := range m {
		if t.Index(name) < 0 {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	name := slices.Min(unknown)
	return &NameError{Name: name, Suggestion: nearest.Name(name, t.Names())}
}

// encode writes one value of a flat field. The cell is overwritten completely.
func (c *coder) encode(dst []byte, cl *cell, v any, depth int) error {
	f := cl.f
	switch f.Kind {
	case metadata.Char:
		if s, ok := v.(string); ok {
			return c.encodeChar(dst, f, s)
		}
	case metadata.Numc:
		if s, ok := v.(string); ok {
			return c.encodeNumc(dst, f, s)
		}
		if s, ok, err := unsignedText(f, v); ok || err != nil {
			if err != nil {
				return err
			}
			return c.encodeNumc(dst, f, s)
		}
	case metadata.Date:
		if d, ok := v.(abap.Date); ok {
			return c.encodeDate(dst, f, d)
		}
		s, ok, err := c.dateCell(f, v)
		if err != nil {
			return err
		}
		if ok {
			c.fillASCII(dst, s)
			return nil
		}
	case metadata.Time:
		if t, ok := v.(abap.Time); ok {
			return c.encodeTime(dst, f, t)
		}
		s, ok, err := c.timeCell(f, v)
		if err != nil {
			return err
		}
		if ok {
			c.fillASCII(dst, s)
			return nil
		}
	case metadata.Raw:
		if b, ok := v.([]byte); ok {
			return encodeRaw(dst, f, b)
		}
	case metadata.Int4, metadata.Int2, metadata.Int1, metadata.Int8:
		n, ok, err := integer(f, v)
		if err != nil {
			return err
		}
		if ok {
			return c.encodeInt(dst, f, n)
		}
	case metadata.Float:
		x, ok, err := float(f, v)
		if err != nil {
			return err
		}
		if ok {
			return c.encodeFloat(dst, f, x)
		}
	case metadata.Packed:
		d, ok, err := decimal(f, v)
		if err != nil {
			return err
		}
		if ok {
			return c.encodePacked(dst, f, d)
		}
	case metadata.DecFloat16, metadata.DecFloat34:
		d, ok, err := decimal(f, v)
		if err != nil {
			return err
		}
		if ok {
			return c.encodeDecFloat(dst, f, d)
		}
	case metadata.Structure:
		return c.encodeStructure(dst, cl, v, depth)
	default: // the compact types of time: all others have no cell
		n, ok, err := rawTime(f, v)
		if err != nil {
			return err
		}
		if ok {
			c.putSigned(dst, n)
			return nil
		}
	}
	w, changed, err := standIn(f, v)
	if err != nil {
		return err
	}
	if !changed {
		w, changed, err = normalize(v)
	}
	if err != nil {
		return refuse(f, WrongType, "", err.Error())
	}
	if !changed || depth > maxNesting {
		return wrongType(f, v)
	}
	return c.encode(dst, cl, w, depth+1)
}

// encodeStructure writes a flat structure: a map or a Go struct.
func (c *coder) encodeStructure(dst []byte, cl *cell, v any, depth int) error {
	copy(dst, cl.sub.initial)
	switch v := v.(type) {
	case Params:
		return cl.sub.encodeMap(dst, v)
	case map[string]any:
		return cl.sub.encodeMap(dst, v)
	case *Record:
		if v == nil {
			return notStructure(cl.f, nil)
		}
		return cl.sub.encodeRecord(dst, v)
	}
	if y, changed, err := standIn(cl.f, v); changed || err != nil {
		if err != nil {
			return err
		}
		return c.encodeStructure(dst, cl, y, depth)
	}
	rv, ok := structValue(v)
	if !ok {
		return notStructure(cl.f, v)
	}
	p, err := planStruct(rv.Type(), cl.f.Type, c)
	if err != nil {
		return err
	}
	return p.encodeRow(dst, addressable(rv))
}

func notStructure(f *metadata.Field, v any) error {
	if v == nil {
		return refuse(f, IsNil, "", "nil is not a structure; leave it out for its initial value")
	}
	return &ShapeError{Got: fmt.Sprintf("%T", v), Want: "a map or struct for a STRUCTURE"}
}

func notTable(f *metadata.Field, v any) error {
	if v == nil {
		return refuse(f, IsNil, "", "nil is not a table; leave it out, or pass an empty slice")
	}
	return &ShapeError{Got: fmt.Sprintf("%T", v), Want: "a slice of rows for a TABLE"}
}

// encodeChar writes a CHAR cell.
func (c *coder) encodeChar(dst []byte, f *metadata.Field, s string) error {
	err := c.fill(dst, s)
	if err == nil {
		return nil
	}
	err = textError(f, s, err)
	if ce, ok := err.(*ConversionError); ok && ce.Reason == TooLong && c.Truncate { //nolint:errorlint // made one line above
		return c.encodeCut(dst, f, s)
	}
	return err
}

// encodeCut writes as much of a text as fits, never half a character.
func (c *coder) encodeCut(dst []byte, f *metadata.Field, s string) error {
	err := c.fill(dst, c.page().Prefix(s, len(dst), c.sending()))
	if err != nil {
		return textError(f, s, err)
	}
	return nil
}

func (c *coder) encodeNumc(dst []byte, f *metadata.Field, s string) error {
	n := len(dst) / c.CharWidth()
	if err := checkNumc(f, s, n); err != nil {
		return err
	}
	w := c.CharWidth()
	pad := (n - len(s)) * w
	c.repeat(dst[:pad], "0")
	c.fillASCII(dst[pad:], s)
	return nil
}

// checkNumc refuses what is no text of at most n digits.
func checkNumc(f *metadata.Field, s string, n int) error {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return refusef(f, BadDigit, quote(s), "only the digits 0 to 9 are allowed; found %s at position %d", quoteRune(s[i:]), i+1)
		}
	}
	if len(s) > n {
		return refusef(f, TooLong, quote(s), "%d characters, at most %d", len(s), n)
	}
	return nil
}

func quoteRune(s string) string {
	r, _ := utf8.DecodeRuneInString(s)
	return strconv.QuoteRune(r)
}

func encodeRaw(dst []byte, f *metadata.Field, b []byte) error {
	if len(b) > len(dst) {
		return refusef(f, TooLong, show(b), "%d bytes, at most %d", len(b), len(dst))
	}
	clear(dst[copy(dst, b):])
	return nil
}

func (c *coder) encodeInt(dst []byte, f *metadata.Field, n int64) error {
	low, high := intRange(f.Kind)
	if n < low || n > high {
		return refusef(f, Overflow, strconv.FormatInt(n, 10), "%d is out of range %d to %d", n, low, high)
	}
	if f.Kind == metadata.Int1 {
		dst[0] = byte(n)
		return nil
	}
	c.putSigned(dst, n)
	return nil
}

func intRange(k metadata.Kind) (low, high int64) {
	switch k {
	case metadata.Int1:
		return 0, math.MaxUint8
	case metadata.Int2:
		return math.MinInt16, math.MaxInt16
	case metadata.Int4:
		return math.MinInt32, math.MaxInt32
	default:
		return math.MinInt64, math.MaxInt64
	}
}

func (c *coder) encodeFloat(dst []byte, f *metadata.Field, x float64) error {
	if err := checkFloat(f, x); err != nil {
		return err
	}
	c.order().PutUint64(dst, math.Float64bits(x))
	return nil
}

func checkFloat(f *metadata.Field, x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		name := strings.Replace(strconv.FormatFloat(x, 'g', -1, 64), "Inf", "Infinity", 1)
		return refusef(f, NotANumber, name, "%s is not representable", name)
	}
	return nil
}

// integer converts what may stand for an integer.
func integer(f *metadata.Field, v any) (int64, bool, error) {
	switch v := v.(type) {
	case int:
		return int64(v), true, nil
	case int8:
		return int64(v), true, nil
	case int16:
		return int64(v), true, nil
	case int32:
		return int64(v), true, nil
	case int64:
		return v, true, nil
	case uint:
		return unsigned(f, uint64(v))
	case uint8:
		return int64(v), true, nil
	case uint16:
		return int64(v), true, nil
	case uint32:
		return int64(v), true, nil
	case uint64:
		return unsigned(f, v)
	case float32:
		return integralFloat(f, float64(v))
	case float64:
		return integralFloat(f, v)
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, true, nil
		}
		low, high := intRange(f.Kind)
		return 0, false, refusef(f, NotANumber, quote(string(v)), "an integer from %d to %d is required", low, high)
	}
	return 0, false, nil
}

func unsigned(f *metadata.Field, u uint64) (int64, bool, error) {
	if u > math.MaxInt64 {
		low, high := intRange(f.Kind)
		return 0, false, refusef(f, Overflow, strconv.FormatUint(u, 10), "%d is out of range %d to %d", u, low, high)
	}
	return int64(u), true, nil
}

func integralFloat(f *metadata.Field, x float64) (int64, bool, error) {
	if err := checkFloat(f, x); err != nil {
		return 0, false, err
	}
	if x != math.Trunc(x) {
		return 0, false, refusef(f, NotANumber, show(x), "%v is not an integer", x)
	}
	if x < -(1<<63) || x >= 1<<63 {
		low, high := intRange(f.Kind)
		return 0, false, refusef(f, Overflow, show(x), "%v is out of range %d to %d", x, low, high)
	}
	return int64(x), true, nil
}

// unsignedText is the digit text of an integer for NUMC.
func unsignedText(f *metadata.Field, v any) (string, bool, error) {
	switch w := v.(type) {
	case uint64:
		return strconv.FormatUint(w, 10), true, nil
	case uint:
		return strconv.FormatUint(uint64(w), 10), true, nil
	case float32, float64:
		return "", false, nil
	case json.Number:
		return string(w), true, nil
	}
	n, ok, err := integer(f, v)
	if !ok || err != nil {
		return "", false, err
	}
	if n < 0 {
		return "", false, refusef(f, BadDigit, strconv.FormatInt(n, 10), "only the digits 0 to 9 are allowed; %d is negative", n)
	}
	return strconv.FormatInt(n, 10), true, nil
}

// float converts what may stand for a FLOAT.
func float(f *metadata.Field, v any) (float64, bool, error) {
	switch v := v.(type) {
	case float64:
		return v, true, nil
	case float32:
		return float64(v), true, nil
	case json.Number:
		x, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return 0, false, refuse(f, NotANumber, quote(string(v)), "a number in the range of FLOAT is required")
		}
		return x, true, nil
	case uint64:
		return float64(v), true, nil
	case uint:
		return float64(v), true, nil
	}
	n, ok, err := integer(f, v)
	return float64(n), ok, err
}

// decimal converts what may stand for a decimal number.
func decimal(f *metadata.Field, v any) (abap.Decimal, bool, error) {
	switch v := v.(type) {
	case abap.Decimal:
		return v, true, nil
	case string:
		return decimalText(f, v)
	case json.Number:
		return decimalText(f, string(v))
	case float64:
		return decimalFloat(f, v, 64)
	case float32:
		return decimalFloat(f, float64(v), 32)
	case *big.Int:
		if v == nil {
			return abap.Decimal{}, false, wrongType(f, nil)
		}
		if v.BitLen() > 4*MaxDecimalText {
			return abap.Decimal{}, false, refusef(f, Overflow, "", "a number of %d bits is out of range", v.BitLen())
		}
		return decimalText(f, v.String())
	case big.Int:
		return decimal(f, &v)
	case uint64:
		return decimalText(f, strconv.FormatUint(v, 10))
	case uint:
		return decimalText(f, strconv.FormatUint(uint64(v), 10))
	}
	n, ok, err := integer(f, v)
	if !ok || err != nil {
		return abap.Decimal{}, false, err
	}
	return abap.FromInt64(n), true, nil
}

func decimalFloat(f *metadata.Field, x float64, bits int) (abap.Decimal, bool, error) {
	if err := checkFloat(f, x); err != nil {
		return abap.Decimal{}, false, err
	}
	return decimalText(f, strconv.FormatFloat(x, 'g', -1, bits))
}

// normalize brings named and pointed-to types down to the basic ones.
func normalize(v any) (any, bool, error) {
	rv := reflect.ValueOf(v)
	for range maxPointers {
		if rv.Kind() != reflect.Pointer {
			break
		}
		if rv.IsNil() {
			return nil, true, nil
		}
		rv = rv.Elem()
		switch x := rv.Interface().(type) {
		case abap.Date, abap.Time, abap.Decimal, time.Time, big.Int,
			abap.Timestamp, abap.TimeOfDay, abap.Week, abap.Month, abap.MonthDay, time.Duration:
			return x, true, nil
		}
	}
	w, ok := basic(rv)
	if rv.IsValid() && rv.Kind() == reflect.Pointer {
		return nil, false, fmt.Errorf("go type %T: cycle or more than %d pointers", v, maxPointers)
	}
	return w, ok && reflect.TypeOf(w) != reflect.TypeOf(v), nil
}

func basic(rv reflect.Value) (any, bool) {
	switch rv.Kind() {
	case reflect.String:
		return rv.String(), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int(), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return rv.Uint(), true
	case reflect.Float64:
		return rv.Float(), true
	case reflect.Float32:
		return float32(rv.Float()), true
	case reflect.Slice:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			return rv.Bytes(), true
		}
	case reflect.Array:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, rv.Len())
			reflect.Copy(reflect.ValueOf(b), rv)
			return b, true
		}
	default:
	}
	return nil, false
}

// structValue finds the Go struct behind pointers and interfaces; false for other types,
// nil pointers and the structs that stand for scalars.
func structValue(v any) (reflect.Value, bool) {
	rv := reflect.ValueOf(v)
	for range maxPointers {
		if rv.Kind() != reflect.Pointer && rv.Kind() != reflect.Interface {
			break
		}
		rv = rv.Elem()
	}
	return rv, rv.Kind() == reflect.Struct && !scalarStruct(rv.Type())
}

var (
	dateType    = reflect.TypeFor[abap.Date]()
	timeType    = reflect.TypeFor[abap.Time]()
	decimalType = reflect.TypeFor[abap.Decimal]()
	goTimeType  = reflect.TypeFor[time.Time]()
	bigIntType  = reflect.TypeFor[big.Int]()
	anyType     = reflect.TypeFor[any]()
	bytesType   = reflect.TypeFor[[]byte]()
	paramsType  = reflect.TypeFor[Params]()
	mapType     = reflect.TypeFor[map[string]any]()
	recordType  = reflect.TypeFor[*Record]()
	tableType   = reflect.TypeFor[*Table]()

	durationType  = reflect.TypeFor[time.Duration]()
	timestampType = reflect.TypeFor[abap.Timestamp]()
	timeOfDayType = reflect.TypeFor[abap.TimeOfDay]()
	weekType      = reflect.TypeFor[abap.Week]()
	monthType     = reflect.TypeFor[abap.Month]()
	monthDayType  = reflect.TypeFor[abap.MonthDay]()
)

// scalarStruct reports whether a Go struct stands for one value, so that its fields are no
// fields of a structure.
func scalarStruct(t reflect.Type) bool {
	switch t {
	case dateType, timeType, decimalType, goTimeType, bigIntType, timestampType, timeOfDayType, weekType, monthType, monthDayType,
		recordType.Elem(), tableType.Elem():
		return true
	}
	return false
}

// decode reads one flat field as its default Go type.
func (c *coder) decode(b []byte, cl *cell) (any, error) {
	f := cl.f
	switch f.Kind {
	case metadata.Char, metadata.Numc:
		return c.decodeString(b, f)
	case metadata.Date:
		return c.decodeDate(b, f)
	case metadata.Time:
		return c.decodeTime(b, f)
	case metadata.Raw:
		return append([]byte{}, b...), nil
	case metadata.Int1:
		return b[0], nil
	case metadata.Int2:
		return int16(c.order().Uint16(b)), nil
	case metadata.Int4:
		return int32(c.order().Uint32(b)), nil
	case metadata.Int8:
		return int64(c.order().Uint64(b)), nil
	case metadata.Float:
		return math.Float64frombits(c.order().Uint64(b)), nil
	case metadata.Packed:
		return decodePacked(b, f)
	case metadata.DecFloat16, metadata.DecFloat34:
		return c.decodeDecFloat(b, f)
	case metadata.Structure:
		return cl.sub.decodeMap(b)
	default: // the compact types of time: all others have no cell
		return timeOfRaw(f, c.signed(b))
	}
}

// decodeMap reads a flat structure; row has at least the used width.
func (p *rowPlan) decodeMap(row []byte) (Params, error) {
	m := make(Params, len(p.cells))
	for i := range p.cells {
		cl := &p.cells[i]
		v, err := p.decode(row[cl.off:min(cl.off+cl.width, len(row))], cl)
		if err != nil {
			return nil, at(cl.f.Name, err)
		}
		m[cl.f.Name] = v
	}
	return m, nil
}

// decodeString reads CHAR, cut at trailing blanks unless kept, and NUMC as it is.
func (c *coder) decodeString(b []byte, f *metadata.Field) (string, error) {
	if f.Kind == metadata.Char && !c.KeepBlanks {
		b = c.trim(b)
	}
	var room [256]byte
	s, err := c.decodeText(room[:0], b)
	if err != nil {
		return "", textError(f, "", err)
	}
	return string(s), nil
}

// decodeInt reads any integer kind.
func (c *coder) decodeInt(b []byte, k metadata.Kind) int64 {
	switch k {
	case metadata.Int1:
		return int64(b[0])
	default:
		return c.signed(b)
	}
}

// signed reads an integer of two, four or eight bytes.
func (c *coder) signed(b []byte) int64 {
	switch o := c.order(); len(b) {
	case 2:
		return int64(int16(o.Uint16(b)))
	case 4:
		return int64(int32(o.Uint32(b)))
	default:
		return int64(o.Uint64(b))
	}
}

// putSigned is the inverse of signed; n is in range.
func (c *coder) putSigned(dst []byte, n int64) {
	switch o := c.order(); len(dst) {
	case 2:
		o.PutUint16(dst, uint16(n))
	case 4:
		o.PutUint32(dst, uint32(n))
	default:
		o.PutUint64(dst, uint64(n))
	}
}
