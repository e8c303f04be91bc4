package fuzz_test

import (
	"context"
	"errors"
	"testing"
	"unicode/utf16"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// FuzzReadTableSelection sends arbitrary selections to RFC_READ_TABLE of the built-in
// system: it must answer with rows or refuse the selection, and never lose the session.
func FuzzReadTableSelection(f *testing.F) {
	for _, where := range []string{
		"", "CARRID = 'AB'", "NOT ( CARRID IN ('AB','CD') OR PRICE < 10.5 ) AND FLDATE BETWEEN '20260101' AND '20261231'",
		"PLANETYPE LIKE 'A3_0%' ESCAPE '#'", "SEATSOCC = SEATSMAX", "CARRID IS NOT NULL", "CARRID = 'it''s'", "((((CARRID NE 'X'))))", "PRICE = '1E999'",
	} {
		f.Add(where)
	}
	sys := rfctest.NewSystem(f)
	conn, err := sys.Connect(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close() })
	f.Fuzz(func(t *testing.T, where string) {
		var options []rfc.Params
		for units := utf16.Encode([]rune(where)); len(units) > 0; {
			n := min(len(units), 72)
			options = append(options, rfc.Params{"TEXT": string(utf16.Decode(units[:n]))})
			units = units[n:]
		}
		_, err := conn.Call(context.Background(), "RFC_READ_TABLE", rfc.Params{
			"QUERY_TABLE": "SFLIGHT", "FIELDS": []rfc.Params{{"FIELDNAME": "CARRID"}}, "OPTIONS": options,
		})
		var e *rfc.Error
		if err != nil && (!errors.As(err, &e) || e.Outcome != rfc.NotSent && e.Key != "OPTION_NOT_VALID") {
			t.Fatalf("%q: %v", where, err)
		}
		if !conn.Alive() {
			t.Fatalf("%q cost the connection", where)
		}
	})
}
