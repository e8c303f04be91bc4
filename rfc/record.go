package rfc

import (
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// Record holds the values of a structure, of a row, or of the parameters of a function without
// a Go struct for them; JCo's JCoStructure and JCoParameterList. It is accepted wherever Params
// and structs are, and Call, Rows and Response.Record read into it.
type Record = serialization.Record

// Table holds the rows of a table as Records; JCo's JCoTable.
type Table = serialization.Table

// ValueMarshaler is implemented by Go types that stand for an ABAP value;
// encoding.TextMarshaler does for CHAR, NUM and STRING as well.
type ValueMarshaler = serialization.ValueMarshaler

// ValueUnmarshaler is implemented by Go types that read an ABAP value;
// encoding.TextUnmarshaler does for CHAR, NUM and STRING as well.
type ValueUnmarshaler = serialization.ValueUnmarshaler

// NewRecord makes a record of a structure, or of the line of a table, with initial values.
func NewRecord(t *metadata.Type) *Record { return serialization.NewRecord(t) }

// NewParameters makes a record of the parameters of a function, none of which has a value.
func NewParameters(f *metadata.Function) *Record { return serialization.NewParameters(f) }

// NewTable makes an empty table with rows of the given type.
func NewTable(line *metadata.Type) *Table { return serialization.NewTable(line) }

// Scan gives the rows of a table as Go values: structs with tags, pointers to them, Params, or
// plain values for an unnamed line.
func Scan[T any](t *Table) ([]T, error) { return serialization.Scan[T](t) }
