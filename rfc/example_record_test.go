package rfc_test

import (
	"encoding/json"
	"fmt"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// A Record holds a structure without a Go struct for it: checked when it is set, converted
// when it is read, and written as JSON or XML.
func ExampleRecord() {
	d := new(metadata.Dictionary)
	d.Structure("ZITEM", "MATNR:C18 MENGE:P7.3 BUDAT:D")
	d.Structure("ZORDER", "ID:N10 ITEMS:[ZITEM]")
	typ, _ := d.Type("ZORDER")

	order := rfc.NewRecord(typ)
	fmt.Println(order.Set("ID", 4711))
	items, _ := order.Table("ITEMS")
	row := items.Append()
	fmt.Println(row.Set("MENGE", "12.5"), row.SetString("BUDAT", "2026-07-05"))
	fmt.Println(row.Set("MATNR", "HEXAGON-SOCKET-SCREW"))

	id, _ := order.Int64("ID")
	quantity, _ := row.Decimal("MENGE")
	fmt.Println(id, quantity)
	_, err := row.Int64("MENGE")
	fmt.Println(err)

	js, _ := json.Marshal(order)
	fmt.Println(string(js))
	doc, _ := order.ToXML()
	fmt.Println(string(doc))
	// Output:
	// <nil>
	// <nil> <nil>
	// ITEMS[0].MATNR: CHAR(18): 20 characters, at most 18 (value "HEXAGON-SOCKET-SCREW")
	// 4711 12.500
	// ITEMS[0].MENGE: P(7,3): not read as Int64; use String, BigInt, Float64, Decimal
	// {"ID":"0000004711","ITEMS":[{"MATNR":"","MENGE":"12.500","BUDAT":"20260705"}]}
	// <ZORDER><ID>0000004711</ID><ITEMS><item><MATNR></MATNR><MENGE>12.500</MENGE><BUDAT>2026-07-05</BUDAT></item></ITEMS></ZORDER>
}
