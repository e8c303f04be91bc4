package rfc_test

import (
	"context"
	"fmt"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// A table as typed vectors, without row structs, in the columnar format: a host of this
// library offers it, an SAP system would answer in the classic one.
func ExampleResponse_Columns() {
	sys, conn := system()
	defer func() { _, _ = conn.Close(), sys.Close() }()

	res, err := conn.Call(context.Background(), "STFC_PERFORMANCE",
		rfc.Params{"CHECKTAB": "X", "LGET0332": 5}, rfc.WithFormat(serialization.ColumnFast))
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := res.Columns("ETAB0332")
	if err != nil {
		fmt.Println(err)
		return
	}
	line := t.Column("LINE")
	for i := range t.Rows {
		fmt.Println(line.Text(i)[:18])
	}
	// Output:
	// 0000000001 purerfc
	// 0000000002 purerfc
	// 0000000003 purerfc
	// 0000000004 purerfc
	// 0000000005 purerfc
}

// Rows are sent while an iterator makes them; the number of rows stands in front.
func ExampleSequence() {
	sys, conn := system()
	defer func() { _, _ = conn.Close(), sys.Close() }()

	type row struct {
		Text string `rfc:"LINE"`
	}
	in := rfc.Params{
		"CHECKTAB": "X", "LGIT0332": 1000,
		"ITAB0332": rfc.Sequence[row]{Count: 1000, Seq: func(yield func(row) bool) {
			for i := range 1000 {
				if !yield(row{fmt.Sprintf("%05d", i)}) {
					return
				}
			}
		}},
	}
	type out struct {
		ExitCode string `rfc:"EXITCODE"`
	}
	res, err := rfc.Call[out](context.Background(), conn, "STFC_PERFORMANCE", in, rfc.NotRequested("ITAB0332"))
	fmt.Println(res.ExitCode, err)
	// Output: O <nil>
}

// What the partner says of itself, and which formats it reads.
func ExampleConn_SystemInfo() {
	sys, conn := system()
	defer func() { _, _ = conn.Close(), sys.Close() }()

	info, err := conn.SystemInfo(context.Background())
	fmt.Println(info.SystemID, info.Kernel, info.Formats()&rfc.FormatColumn != 0, err)
	// Output: GOR 793 true <nil>
}
