package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// structureFunction is what the step serializer calls: every system has it, and it returns
// the rows it was sent with one row of its own behind them.
const structureFunction = "STFC_STRUCTURE"

// serializerRows fit into one record, request and answer alike: a recording of the step can then
// be judged record by record.
const serializerRows = 80

type testRow struct {
	Float float64   `rfc:"RFCFLOAT"`
	Char1 string    `rfc:"RFCCHAR1"`
	Int2  int16     `rfc:"RFCINT2"`
	Int1  uint8     `rfc:"RFCINT1"`
	Char4 string    `rfc:"RFCCHAR4"`
	Int4  int32     `rfc:"RFCINT4"`
	Hex3  [3]byte   `rfc:"RFCHEX3"`
	Char2 string    `rfc:"RFCCHAR2"`
	Time  abap.Time `rfc:"RFCTIME"`
	Date  abap.Date `rfc:"RFCDATE"`
	Data1 string    `rfc:"RFCDATA1"`
	Data2 string    `rfc:"RFCDATA2"`
}

type structureIn struct {
	Struct testRow   `rfc:"IMPORTSTRUCT"`
	Rows   []testRow `rfc:"RFCTABLE"`
}

type structureOut struct {
	Struct testRow   `rfc:"ECHOSTRUCT"`
	Rows   []testRow `rfc:"RFCTABLE"`
}

// testRows are the rows of the step serializer, the same in every run.
func testRows(n int) []testRow {
	day, _ := abap.DateOf(2026, 7, 5)
	clock, _ := abap.TimeOf(12, 34, 56)
	rows := make([]testRow, n)
	for i := range rows {
		rows[i] = testRow{
			Float: float64(i) / 4, Char1: "X", Int2: int16(-i), Int1: uint8(i), Char4: fmt.Sprintf("%04d", i), Int4: int32(i * 1000),
			Hex3: [3]byte{1, byte(i), 0}, Time: clock, Date: day, Data1: "serializer test", Data2: fmt.Sprintf("row %d of %d", i, n),
		}
	}
	return rows
}

// serializer makes the same call in every format that the partner reads and compares what
// comes back with what was sent.
func (d *diagnosis) serializer(ctx context.Context, s *step) error {
	formats := []serialization.Format{serialization.Classic}
	for _, f := range []struct {
		bit    rfc.Formats
		format serialization.Format
	}{{rfc.FormatRow, serialization.RowFast}, {rfc.FormatColumn, serialization.ColumnFast}} {
		if d.formats&f.bit != 0 {
			formats = append(formats, f.format)
		}
	}
	s.Facts.add("module", structureFunction)
	s.Facts.add("rows", serializerRows)
	in := &structureIn{Struct: testRows(1)[0], Rows: testRows(serializerRows)}
	var classic structureOut
	for _, format := range formats {
		sent0, received0, _ := d.conn.Traffic()
		start := time.Now()
		out, err := rfc.Call[structureOut](ctx, d.conn, structureFunction, in, rfc.WithFormat(format), rfc.NotRequested("RESPTEXT"))
		took := time.Since(start)
		if err != nil {
			s.Facts.add(format.String(), "failed")
			return err
		}
		sent, received, _ := d.conn.Traffic()
		if err := sameRows(in, &out); err != nil {
			s.Facts.add(format.String(), "differs")
			return &changed{format.String(), err}
		}
		if format == serialization.Classic {
			classic = out
		}
		if !slices.Equal(classic.Rows[:serializerRows], out.Rows[:serializerRows]) {
			s.Facts.add(format.String(), "differs")
			return &changed{format.String(), errors.New("the rows differ from those of the classic format")}
		}
		s.Facts.add(format.String(), fmt.Sprintf("same, %d bytes sent, %d received, %s", sent-sent0, received-received0, formatMillis(took)))
	}
	if len(formats) == 1 {
		s.Facts.add("others", "none offered")
	}
	return nil
}

// changed says in which format values came back other than they were sent.
type changed struct {
	format string
	err    error
}

func (c *changed) Error() string { return "format " + c.format + ": " + c.err.Error() }
func (c *changed) Unwrap() error { return c.err }

// sameRows reports what of the answer is not what was sent. The row behind the others is the
// partner's own.
func sameRows(in *structureIn, out *structureOut) error {
	if out.Struct != in.Struct {
		return errors.New("the structure ECHOSTRUCT came back changed")
	}
	if len(out.Rows) != len(in.Rows)+1 {
		return errors.New("RFCTABLE came back with " + strconv.Itoa(len(out.Rows)) + " rows, one more than the " + strconv.Itoa(len(in.Rows)) + " sent was expected")
	}
	for i := range in.Rows {
		if out.Rows[i] != in.Rows[i] {
			return fmt.Errorf("row %d of RFCTABLE came back changed", i)
		}
	}
	return nil
}
