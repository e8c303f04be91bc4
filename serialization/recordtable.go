package serialization

import (
	"fmt"
	"iter"
	"slices"

	"github.com/purerfc/purerfc/metadata"
)

// Table holds the rows of an internal table as Records: JCo's JCoTable without a cursor.
// The rows of a table with an unnamed line are records with one field, called "".
//
// A Table is not safe for concurrent use while it is being changed. The zero value and a nil
// pointer have no line type: they have no rows and take none.
type Table struct {
	line *shape
	rows []*Record
	up   owner
}

// NewTable makes an empty table with rows of the given type.
func NewTable(line *metadata.Type) *Table {
	if line == nil {
		return new(Table)
	}
	return &Table{line: shapeOf(line, Options{})}
}

// Line describes the rows.
func (t *Table) Line() *metadata.Type {
	if t == nil || t.line == nil {
		return nil
	}
	return t.line.typ
}

// Len is the number of rows.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.rows)
}

// Row gives row i, counted from 0, or nil if there is none: the methods of a nil Record then
// say so. Changes of the row are changes of the table.
func (t *Table) Row(i int) *Record {
	if t == nil || i < 0 || i >= len(t.rows) {
		return nil
	}
	return t.rows[i]
}

// Rows yields the rows with their index. The rows may be changed meanwhile, the table not.
func (t *Table) Rows() iter.Seq2[int, *Record] {
	return func(yield func(int, *Record) bool) {
		if t == nil {
			return
		}
		for i, r := range t.rows {
			if !yield(i, r) {
				return
			}
		}
	}
}

// Append adds a row of initial values and returns it, to be filled; nil if the table has no
// line type.
func (t *Table) Append() *Record {
	if t == nil || t.line == nil {
		return nil
	}
	r := newRecord(t.line)
	r.up = t
	t.rows = append(t.rows, r)
	return r
}

// AppendRows adds rows by the rules of calls: records, maps or structs, or plain values for
// an unnamed line. They are copied. On an error no row is added.
func (t *Table) AppendRows(rows ...any) error {
	added, err := t.build(rows, t.Len())
	if err != nil {
		return err
	}
	t.adopt(added)
	return nil
}

// SetRows replaces all rows; rows is what a call takes for a table: a slice, a *Table, a
// RowSource. On an error nothing is changed.
func (t *Table) SetRows(rows any) error {
	added, err := t.build(rows, 0)
	if err != nil {
		return err
	}
	t.rows = nil
	t.adopt(added)
	return nil
}

func (t *Table) adopt(rows []*Record) {
	for _, r := range rows {
		r.up = t
	}
	t.rows = append(t.rows, rows...)
}

// take makes the rows of from those of t.
func (t *Table) take(from *Table) {
	t.rows = nil
	t.adopt(from.rows)
}

// Delete removes row i; the rows behind it move up.
func (t *Table) Delete(i int) error {
	if i < 0 || i >= t.Len() {
		return t.fail(&ShapeError{Got: fmt.Sprintf("row %d", i), Want: fmt.Sprintf("one of %d rows, counted from 0,", t.Len())})
	}
	t.rows[i].up = nil
	t.rows = slices.Delete(t.rows, i, i+1)
	return nil
}

// Clear removes all rows.
func (t *Table) Clear() {
	if t != nil {
		t.rows = nil
	}
}

func (t *Table) path() string {
	if t.up == nil {
		return ""
	}
	return t.up.pathOf(t)
}

func (t *Table) pathOf(child any) string {
	for i, r := range t.rows {
		if any(r) == child {
			return fmt.Sprintf("%s[%d]", t.path(), i)
		}
	}
	return ""
}

// fail puts the path of the table in front of an error.
func (t *Table) fail(err error) error {
	if t == nil {
		return err
	}
	return at(t.path(), err)
}

// Format implements fmt.Formatter as Record.Format does.
func (t *Table) Format(f fmt.State, _ rune) {
	if t == nil || t.line == nil {
		_, _ = fmt.Fprint(f, "no table")
		return
	}
	_, _ = fmt.Fprintf(f, "table of %s, %d rows", t.line.typ.Name, len(t.rows))
}
