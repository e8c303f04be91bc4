package columns_test

import (
	"fmt"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// A column of texts with a dictionary, and one of integers by row.
func ExampleTable() {
	var d metadata.Dictionary
	d.Structure("ZITEM", "UNIT:C3 COUNT:I")
	line, _ := d.Type("ZITEM")

	t := columns.New(line)
	t.Rows = 4
	unit, count := t.Column("UNIT"), t.Column("COUNT")
	unit.Bytes, unit.Offsets = []byte("KGPAL"), []uint32{0, 2, 5}
	unit.Codes = []uint32{0, 1, 1, 0}
	count.Int32s = []int32{3, 1, 4, 1}
	if err := t.Check(); err != nil {
		fmt.Println(err)
		return
	}

	totals := map[string]int32{}
	for row := range t.Rows {
		totals[unit.Text(row)] += count.Int32s[count.Index(row)]
	}
	fmt.Println(totals)
	// Output: map[KG:4 PAL:5]
}
