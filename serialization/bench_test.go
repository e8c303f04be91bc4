package serialization

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

type t10 struct {
	Mandt string       `rfc:"MANDT"`
	Matnr string       `rfc:"MATNR"`
	Werks string       `rfc:"WERKS"`
	Lgort string       `rfc:"LGORT"`
	Charg string       `rfc:"CHARG"`
	Maktx string       `rfc:"MAKTX"`
	Meins string       `rfc:"MEINS"`
	Erdat abap.Date    `rfc:"ERDAT"`
	Menge abap.Decimal `rfc:"MENGE"`
	Lfdnr int32        `rfc:"LFDNR"`
}

var t10Texts = []string{
	"Hexagon socket head cap screw M8x40", "Gasket, copper, 18x22x1.5", "Bearing 6204-2RS", "Pump casing, cast iron, painted blue",
	"Cable gland M20 IP68", "Shaft seal 35x52x7 NBR", "Control board rev. 4", "Label 100x150 mm thermal",
}

func t10Rows(n int) []t10 {
	rows := make([]t10, n)
	for i := range rows {
		q, _ := abap.NewDecimal(int64(i%9000)*250+125, -3)
		d, _ := abap.DateOf(2019+i%7, 1+i%12, 1+i%28)
		rows[i] = t10{
			"100", fmt.Sprintf("%018d", 4711000+i), fmt.Sprintf("%04d", 1000+i%7), fmt.Sprintf("L%03d", i%12),
			fmt.Sprintf("CH%07d", i), t10Texts[i%len(t10Texts)], []string{"ST", "KG", "M", "PAL"}[i%4], d, q, int32(i),
		}
	}
	return rows
}

const benchRows = 200_000 // 42 MB of rows: larger than the caches

func benchTable(b testing.TB) (*metadata.Function, []byte, []t10) {
	b.Helper()
	f := function(b, "TABLES T:[T10]")
	require.Equal(b, 212, f.Parameters[0].Type.Layout(2).Total)
	rows := t10Rows(benchRows)
	w := Writer{Function: f, Reply: true}
	msg, err := w.Append(nil, Params{"T": rows})
	require.NoError(b, err)
	return f, msg, rows
}

// copyRate is the speed of copying n bytes out of cache, in bytes per second.
func copyRate(src []byte) float64 {
	dst := make([]byte, len(src))
	best := 0.0
	for range 5 {
		start := time.Now()
		copy(dst, src)
		best = max(best, float64(len(src))/time.Since(start).Seconds())
	}
	runtime.KeepAlive(dst)
	return best
}

func report(b *testing.B, rows int, bytes int, rate float64) {
	perSecond := float64(rows) * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "rows/s")
	b.ReportMetric(perSecond*float64(bytes)/rate, "x-memcpy")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkDecode(b *testing.B) {
	f, msg, _ := benchTable(b)
	var s Section
	s.Reset(f, Representation{}, true)
	require.NoError(b, feed(&s, msg))
	table, err := s.Table("T")
	require.NoError(b, err)
	require.Equal(b, benchRows, table.Len())
	rate := copyRate(msg)
	b.Run("T10/struct", func(b *testing.B) {
		d, err := NewRowDecoder[t10](table.Parameter(), table.Representation(), Options{})
		require.NoError(b, err)
		var row t10
		b.ReportAllocs()
		for b.Loop() {
			for i := range benchRows {
				if err := d.Decode(table.Row(i), &row); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, benchRows, 212, rate)
	})
	b.Run("T10/structs", func(b *testing.B) {
		type result struct {
			T []t10 `rfc:"T"`
		}
		var r result
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Scan(&r); err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
	b.Run("T10/map", func(b *testing.B) {
		d, err := NewRowDecoder[Params](table.Parameter(), table.Representation(), Options{})
		require.NoError(b, err)
		var row Params
		b.ReportAllocs()
		for b.Loop() {
			for i := range benchRows {
				if err := d.Decode(table.Row(i), &row); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, benchRows, 212, rate)
	})
	b.Run("T10/record", func(b *testing.B) {
		d, err := NewRowDecoder[*Record](table.Parameter(), table.Representation(), Options{})
		require.NoError(b, err)
		var row *Record
		b.ReportAllocs()
		for b.Loop() {
			for i := range benchRows {
				if err := d.Decode(table.Row(i), &row); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, benchRows, 212, rate)
	})
	b.Run("T10/section", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Reset(f, Representation{}, true)
			if err := feed(&s, msg); err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
}

func BenchmarkEncode(b *testing.B) {
	f, msg, rows := benchTable(b)
	rate := copyRate(msg)
	type call struct {
		T []t10 `rfc:"T"`
	}
	w := Writer{Function: f, Reply: true}
	b.Run("T10/struct", func(b *testing.B) {
		in := &call{rows}
		buf := make([]byte, 0, len(msg))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Append(buf, in); err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
	b.Run("T10/record", func(b *testing.B) {
		table := NewTable(f.Parameters[0].Type)
		require.NoError(b, table.SetRows(rows))
		in := Params{"T": table}
		buf := make([]byte, 0, len(msg))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Append(buf, in); err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
	b.Run("T10/stream", func(b *testing.B) {
		w := Writer{Function: f, Reply: true, Flush: func(b []byte) ([]byte, error) { return b[:0], nil }}
		buf := make([]byte, 0, 2*FlushSize)
		b.ReportAllocs()
		for b.Loop() {
			seq := Sequence[t10]{Count: len(rows), Seq: func(yield func(t10) bool) {
				for i := range rows {
					if !yield(rows[i]) {
						return
					}
				}
			}}
			if _, err := w.Append(buf, Params{"T": seq}); err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
}

type connectionCall struct {
	Text string `rfc:"REQUTEXT"`
	Echo string `rfc:"ECHOTEXT"`
	Resp string `rfc:"RESPTEXT"`
}

// BenchmarkCodepages decodes and encodes the rows of T10 for parties of other code pages.
func BenchmarkCodepages(b *testing.B) {
	f := function(b, "TABLES T:[T10]")
	for _, number := range []string{"4103", "4102", "1100", "1160", "8000"} {
		rep := Representation{Text: lookup(b, number)}
		w := Writer{Function: f, Representation: rep, Reply: true}
		rows := t10Rows(1000)
		msg, err := w.Append(nil, Params{"T": rows})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(number+"/decode", func(b *testing.B) {
			var s Section
			s.Reset(f, rep, true)
			if err := feed(&s, msg); err != nil {
				b.Fatal(err)
			}
			table, err := s.Table("T")
			if err != nil {
				b.Fatal(err)
			}
			d, err := NewRowDecoder[t10](table.Parameter(), rep, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			n := 0
			var row t10
			for b.Loop() {
				if err := d.Decode(table.Row(n%1000), &row); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
		b.Run(number+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 2*len(msg))
			n := 0
			for b.Loop() { // of 1000 rows
				if _, err := w.Append(buf, Params{"T": rows}); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

func BenchmarkCall(b *testing.B) {
	f := testFunction(b, "STFC_CONNECTION")
	w := Writer{Function: f}
	r := Writer{Function: f, Reply: true}
	in := &connectionCall{Text: "Hello SAP", Echo: "Hello SAP", Resp: "SAP R/3 Rel. 758   Sysid: A4H"}
	reply, err := r.Append(nil, in)
	require.NoError(b, err)
	items := itemsOf(b, chain.AppendEnd(reply))
	var s Section
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Append(buf, in); err != nil {
			b.Fatal(err)
		}
		s.Reset(f, Representation{}, true)
		for _, it := range items {
			if _, err := s.Item(it); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Finish(); err != nil {
			b.Fatal(err)
		}
		if err := s.Scan(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkColumns(b *testing.B) {
	f, msg, rows := benchTable(b)
	var s Section
	s.Reset(f, Representation{}, true)
	require.NoError(b, feed(&s, msg))
	rate := copyRate(msg)
	b.Run("T10/decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Columns("T"); err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
	c := newCoder(Representation{}, Options{})
	elem, err := c.planElem(reflect.TypeFor[t10](), f.Parameters[0].Type)
	require.NoError(b, err)
	src, err := c.tableValue(&f.Parameters[0].Field, rows)
	require.NoError(b, err)
	b.Run("T10/fill", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t := columns.New(f.Parameters[0].Type)
			err := src.chunks(chunkRows, func(g placed) error { return c.rowsInto(t, elem, g) })
			if err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
	t, err := s.Columns("T")
	require.NoError(b, err)
	b.Run("T10/structs", func(b *testing.B) {
		out := make([]t10, benchRows)
		b.ReportAllocs()
		for b.Loop() {
			if err := c.fromColumns(t, elem, placed{unsafe.Pointer(&out[0]), elem.typ.Size(), 0, benchRows}); err != nil {
				b.Fatal(err)
			}
		}
		report(b, benchRows, 212, rate)
	})
}

// Documents of 1,000 rows of ten columns, seven of them text.
func BenchmarkDocuments(b *testing.B) {
	f := function(b, "EXPORTING T:[T10]")
	in := struct {
		T []t10 `rfc:"T"`
	}{t10Rows(1000)}
	for name, format := range map[string]Format{"xRFC": Classic, "BXML": BasXML} {
		w := Writer{Function: f, Reply: true, Format: format}
		msg, err := w.Append(nil, &in)
		if err != nil {
			b.Fatal(err)
		}
		items := itemsOf(b, chain.AppendEnd(msg))
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if msg, err = w.Append(msg[:0], &in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(in.T)*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run("decode/"+name, func(b *testing.B) {
			var s Section
			out := in
			b.ReportAllocs()
			for b.Loop() {
				s.Reset(f, Representation{}, true)
				for _, it := range items {
					if _, err := s.Item(it); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.Scan(&out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(in.T)*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkDeep: G26, structures with tables and strings inside, written and read, against
// encoding/gob of the same values in the same run.
func BenchmarkDeep(b *testing.B) {
	type row struct {
		ID   int64     `rfc:"ID"`
		Head headRow   `rfc:"HEAD"`
		Tags []string  `rfc:"TAGS"`
		List []itemRow `rfc:"LIST"`
		Note string    `rfc:"NOTE"`
		Blob []byte    `rfc:"BLOB"`
	}
	type call struct {
		Rows []row `rfc:"ROWS"`
	}
	f := nestedFunction(b)
	in := new(call)
	for _, r := range nestedRows(b, 1000) {
		out := row{ID: r.ID, Head: *r.Head, Tags: r.Tags, Note: *r.Note, Blob: r.Key[:]}
		for _, it := range r.List {
			out.List = append(out.List, *it)
		}
		in.Rows = append(in.Rows, out)
	}
	// gob knows neither dates nor decimals: they go as texts.
	type gobRow struct {
		ID                int64
		Day, Clock, Price string
		Rate              float64
		Tags              []string
		List              []itemRow
		Note              string
		Blob              []byte
	}
	type gobCall struct{ Rows []gobRow }
	gobIn := new(gobCall)
	for _, r := range in.Rows {
		h := r.Head
		gobIn.Rows = append(gobIn.Rows, gobRow{r.ID, h.Day.String(), h.Clock.String(), h.Price.String(), h.Rate, r.Tags, r.List, r.Note, r.Blob})
	}
	viaGob := func() {
		var buf bytes.Buffer
		var out gobCall
		if err := gob.NewEncoder(&buf).Encode(gobIn); err != nil {
			b.Fatal(err)
		}
		if err := gob.NewDecoder(&buf).Decode(&out); err != nil || len(out.Rows) != len(in.Rows) {
			b.Fatal(err, len(out.Rows))
		}
	}
	for _, format := range []Format{Classic, BasXML, RowFast, ColumnFast} {
		b.Run(format.String(), func(b *testing.B) {
			w := Writer{Function: f, Reply: true, Format: format, Network: Local}
			s := Section{AllowFast: true}
			buf := make([]byte, 0, 1<<20)
			var spent, spentGob time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				msg, err := w.Append(buf, in)
				if err != nil {
					b.Fatal(err)
				}
				s.Reset(f, Representation{}, true)
				if err := feed(&s, msg); err != nil {
					b.Fatal(err)
				}
				var out call
				if err := s.Scan(&out); err != nil || len(out.Rows) != len(in.Rows) {
					b.Fatal(err, len(out.Rows))
				}
				middle := time.Now()
				viaGob()
				spent, spentGob = spent+middle.Sub(start), spentGob+time.Since(middle)
			}
			b.ReportMetric(float64(spent)/float64(spentGob), "x-gob")
			b.ReportMetric(0, "ns/op")
		})
	}
}
