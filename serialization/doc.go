// Package serialization turns Go values into the parameter section of classic RFC messages
// and back: items 0205, 0201/0203, the table groups 0301 to 0336 and the XML documents
// (xRFC) of deep parameters in 3c02/3c05.
//
// Layer: values. It stands on internal/chain (items), codepage (text), abap (dates,
// decimals), metadata (types), columns (tables by column), internal/sapcompress (compressed
// tables), internal/bxml (binary XML), internal/fastser and internal/ofs1 (blocks), and knows no
// connections: a Writer appends to a byte slice, a Section is fed with the items of a message.
// Wire documents: spec 04 sections 1 to 5, spec 20, spec 21, spec 22, spec 41.6 to 41.8, spec
// 42, spec 43.
//
// A Writer writes one Format, a Section reads all of them. The fast formats, blocks of OFS1, are
// this project's own: a Section refuses them unless this side offered to read them. Their values
// are kept by column and become Go values a column at a time (columnread.go, columnfill.go);
// classic rows become columns without passing through Go structs (columncells.go).
//
// Documents have one walk over their values and several forms: xRFC, binary XML (BXML) in items
// 4000 to 4004 or in brackets, and its textual variant, which is read only. SAP's fast
// serialization (5001) is read as far as internal/fastser knows it and never written. The
// package knows every type that metadata knows; boxed components
// and references are refused there, where a description is built.
//
// # Go values
//
// A call is given as Params (map[string]any) or as a struct whose fields carry tags
// rfc:"NAME"; rfc:"-" excludes a field, rfc:"NAME,omitempty" leaves a zero value out. Fields
// without a tag take part if their upper-case name is a parameter (or field) of the
// interface. Embedded structs are flattened. A nil pointer means: not supplied. The plan of
// a struct is compiled once per Go type and description and reports all its errors at once,
// those of nested structs and rows included, before anything is written.
//
// A Record holds the same values without a Go struct and is accepted, and read, wherever Params
// are; a Table wherever slices of rows are. Two more options of tags change values:
//
//	alpha=18   the conversion exit ALPHA: digits get zeros in front up to 18 characters when
//	           they are written, and lose them when they are read; other texts stay. Without
//	           a number it is the length of the field.
//	initial    a zero value, a nil pointer first of all, is sent as the initial value instead
//	           of being left out, and an initial value (also a blank date) is read as zero.
//
// Types take part by methods: ValueMarshaler and ValueUnmarshaler for every ABAP type,
// encoding.TextMarshaler and TextUnmarshaler for CHAR, NUM and STRING, fmt.Stringer for
// writing CHAR and STRING, in this order. Which of them applies is decided when the plan is
// compiled; a type without methods for one direction goes by the rules of its underlying type.
//
//	ABAP type       read as      accepted on write
//	C, STRING       string       string and named strings, fmt.Stringer
//	N               string       string of digits, integers >= 0
//	D               abap.Date    abap.Date, "YYYYMMDD", time.Time
//	T               abap.Time    abap.Time, "HHMMSS", time.Time, time.Duration
//	X, XSTRING      []byte       []byte, [n]byte
//	I, s, b         int32, int16, uint8   any integer, checked; integral floats
//	8               int64        likewise
//	F               float64      finite floats, integers
//	P               abap.Decimal abap.Decimal, string, integers, *big.Int, float64
//	DECF16, DECF34  abap.Decimal likewise
//	UTCLONG, UTCSECOND, UTCMINUTE  abap.Timestamp  abap.Timestamp, time.Time, "2026-07-05T12:34:56"
//	DTDAY           abap.Date    abap.Date, time.Time, "2026-07-05"
//	TSECOND, TMINUTE  abap.TimeOfDay  abap.TimeOfDay, time.Duration, "12:34:56"
//	DTWEEK          abap.Week    abap.Week, "2026-W27"
//	DTMONTH         abap.Month   abap.Month, "2026-07"
//	CDAY            abap.MonthDay  abap.MonthDay, "07-05"
//	structure       Params       Params, map[string]any, struct, *Record
//	table           []Params, []string, []int32, ...   slices of those, RowSource, *Table
//
// json.Number is accepted for every numeric type. Decimals are read into strings and integers
// too, never into floats; everything that is a time into strings (of the compact types, those
// of spec 20.8), time stamps and days into time.Time, times of day into time.Duration. Rows are counted from 0 in error paths:
// IT_ITEMS[17].MATNR.
//
// # Package unsafe
//
// Plans hold field offsets and read and write Go structs through pointers. Each use is
// sound for one reason: the pointer is derived from a value of exactly the type for which
// the plan was compiled, stays a real pointer throughout, and the offset comes from
// reflect.StructField.Offset of that type.
package serialization
