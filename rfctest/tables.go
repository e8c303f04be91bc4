package rfctest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/purerfc/purerfc/abap"
)

// dbTable is a transparent table: its columns and its rows as ABAP texts, without fill.
type dbTable struct {
	name, text string
	columns    []column
	keys       int // the first columns are the primary key
	rows       int
	cell       func(row, col int) string
	fill       func(dst []byte, row, col int) []byte // optional: appends a cell in its full width
	sorted     bool                                  // rows are in the order of the key
	denied     bool                                  // nobody may read it
}

// column is a column of a table. length is the number of characters it takes in a result
// row; kind is the ABAP type letter that FIELDS reports.
type column struct {
	name, text string
	kind       byte
	length     int
	decimals   int
}

// numeric reports whether values of the column compare as numbers.
func (c *column) numeric() bool { return strings.IndexByte("PIFsb8", c.kind) >= 0 }

// columns reads definitions "NAME:TYPE text" separated by newlines: C, N and X with a
// length in characters or bytes, P with digits and decimals.
func columns(text string) []column {
	var list []column
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		name, typ, _ := strings.Cut(words[0], ":")
		c := column{name: name, kind: typ[0], text: strings.Join(words[1:], " ")}
		length, decimals, _ := strings.Cut(typ[1:], ".")
		c.length, _ = strconv.Atoi(length)
		c.decimals, _ = strconv.Atoi(decimals)
		switch c.kind {
		case 'D':
			c.length = 8
		case 'T':
			c.length = 6
		case 'I':
			c.length = 11
		case 's':
			c.length = 6
		case 'b':
			c.length = 3
		case 'X':
			c.length *= 2
		}
		list = append(list, c)
	}
	return list
}

// canned makes a table from lines of fields separated by bars.
func canned(name, text string, keys int, cols, rows string) *dbTable {
	t := &dbTable{name: name, text: text, keys: keys, columns: columns(cols)}
	var data [][]string
	for line := range strings.Lines(rows) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		data = append(data, cells)
	}
	t.rows = len(data)
	t.cell = func(row, col int) string {
		if col >= len(data[row]) {
			return ""
		}
		return data[row][col]
	}
	return t
}

// cannedTables are the tables of a system. Their content is made up, apart from the names
// of clients and tables that every system has.
func cannedTables(cfg Config) map[string]*dbTable {
	client := cfg.Clients[0]
	with := func(rows string) string { return strings.ReplaceAll(rows, "MMM", client) }
	var users strings.Builder
	for _, u := range cfg.userNames() {
		fmt.Fprintf(&users, "%s|%s|00000000|99991231|A|SUPER|0|%s|20200101|00000000|000000\n", client, strings.ToUpper(u), "SAP*")
	}
	var clients strings.Builder
	clients.WriteString("000|SAP AG|Walldorf|EUR||S|2||||||||SAP*|20200101|\n")
	for _, c := range cfg.Clients {
		if c != "000" {
			fmt.Fprintf(&clients, "%s|Client %s of %s|Berlin|EUR||T|1||||||||%s|20240229|%sCLNT%s\n", c, c, cfg.SystemID, strings.ToUpper(cfg.User), cfg.SystemID, c)
		}
	}
	list := []*dbTable{
		canned("T000", "Clients", 1, `
			MANDT:C3 Client
			MTEXT:C25 Client name
			ORT01:C25 City
			MWAER:C5 Standard currency
			ADRNR:C10 Address
			CCCATEGORY:C1 Client role
			CCCORACTIV:C1 Changes of client-specific objects
			CCNOCLIIND:C1 Changes of cross-client objects
			CCCOPYLOCK:C1 Protection against copying
			CCNOCASCAD:C1 No cascading updates
			CCSOFTLOCK:C1 Locked
			CCORIGCONT:C1 Original content
			CCIMAILDIS:C1 No mail
			CCTEMPLOCK:C1 Locked for a copy
			CHANGEUSER:C12 Changed by
			CHANGEDATE:D Changed on
			LOGSYS:C10 Logical system`, clients.String()),
		canned("USR02", "Logon data without passwords", 2, `
			MANDT:C3 Client
			BNAME:C12 User
			GLTGV:D Valid from
			GLTGB:D Valid to
			USTYP:C1 User type
			CLASS:C12 User group
			UFLAG:b Lock state
			ANAME:C12 Created by
			ERDAT:D Created on
			TRDAT:D Last logon date
			LTIME:T Last logon time`, users.String()),
		canned("SCARR", "Airlines", 2, `
			MANDT:C3 Client
			CARRID:C3 Airline
			CARRNAME:C20 Name of the airline
			CURRCODE:C5 Currency
			URL:C255 Home page`, with(`
			MMM|ZA|Purple Air|EUR|https://purple.example
			MMM|AB|Alpha Bravo|EUR|https://alpha.example
			MMM|CD|Côte d'Or|CHF|https://cote.example
			MMM|EF|Echo Flights|GBP|https://echo.example`)),
		canned("SPFLI", "Flight schedule", 3, `
			MANDT:C3 Client
			CARRID:C3 Airline
			CONNID:N4 Connection
			COUNTRYFR:C3 From country
			CITYFROM:C20 From city
			AIRPFROM:C3 From airport
			COUNTRYTO:C3 To country
			CITYTO:C20 To city
			AIRPTO:C3 To airport
			FLTIME:I Minutes
			DEPTIME:T Departure
			ARRTIME:T Arrival
			DISTANCE:P9.4 Distance
			DISTID:C3 Unit of distance
			PERIOD:b Days later`, with(`
			MMM|AB|0017|DE|BERLIN|BER|US|NEW YORK|JFK|545|093000|124500|6385.1000|KM|0
			MMM|AB|0064|US|NEW YORK|JFK|DE|BERLIN|BER|500|200000|101500|6385.1000|KM|1
			MMM|CD|0400|FR|DIJON|DIJ|CH|ZURICH|ZRH|65|071500|082000|234.5678|KM|0
			MMM|EF|2402|GB|LONDON|LHR|DE|FRANKFURT|FRA|100|103000|131000|408.0000|MI|0
			MMM|ZA|0788|DE|FRANKFURT|FRA|JP|TOKYO|NRT|725|133000|083500|9349.0000|KM|1`)),
		canned("SFLIGHT", "Flights", 4, `
			MANDT:C3 Client
			CARRID:C3 Airline
			CONNID:N4 Connection
			FLDATE:D Date
			PRICE:P15.2 Price
			CURRENCY:C5 Currency
			PLANETYPE:C10 Plane
			SEATSMAX:I Seats
			SEATSOCC:I Seats taken
			PAYMENTSUM:P17.2 Payments`, with(`
			MMM|ZA|0788|20260714|1030.00|EUR|A350-900|325|310|319300.00
			MMM|AB|0017|20260626|800000.50|EUR|A350-900|325|1|800000.50
			MMM|AB|0017|20260703|422.94|EUR|A350-900|325|180|76129.20
			MMM|AB|0064|20260627|-12.30|EUR|A350-900|325|12|-147.60
			MMM|CD|0400|20260701|185.00|CHF|E195|120|98|18130.00
			MMM|CD|0400|00000000|0.00|CHF|E195|120|0|0.00
			MMM|EF|2402|20260630|0.01|GBP|A320|180|180|1.80`)),
		bigTable(cfg.BigTableRows),
		canned("ZEMPTY", "A table without rows", 1, "MANDT:C3 Client\nNAME:C40 Name", ""),
		{name: "ZSECRET", text: "A table that nobody may read", denied: true, columns: columns("MANDT:C3 Client\nSECRET:C40 Secret"), keys: 1},
		canned("ZWIDE", "A table whose rows are wider than TAB512", 1, "ID:N4 Number\nTEXT1:C255 First text\nTEXT2:C255 Second text\nTEXT3:C255 Third text", `
			0001|one|two|three
			0002|eins|zwei|drei`),
	}
	tables := make(map[string]*dbTable, len(list))
	for _, t := range list {
		tables[t.name] = t
	}
	return tables
}

// userNames lists the users in order.
func (c *Config) userNames() []string { return slices.Sorted(maps.Keys(c.Users)) }

// bigTable is ZBIGTAB: ten columns, n rows that are made when they are read.
func bigTable(n int) *dbTable {
	statuses := [...]string{"NEW ", "OPEN", "DONE", "HELD"}
	dates := bigDates()
	fill := func(dst []byte, row, col int) []byte {
		n := row + 1
		switch col {
		case 0:
			return appendPadded(dst, n, 10)
		case 1:
			dst = appendPadded(append(dst, "MAT-"...), n%5000, 8)
			return append(dst, spaces[:6]...)
		case 2:
			start := len(dst)
			dst = strconv.AppendInt(append(dst, "Material number "...), int64(n%5000), 10)
			return append(dst, spaces[:40-(len(dst)-start)]...)
		case 3:
			return append(dst, statuses[n%len(statuses)]...)
		case 4:
			return dates[n%len(dates)].AppendRaw(dst)
		case 5:
			return append(appendPadded(appendPadded(dst, n%24, 2), n%60, 2), "00"...)
		case 6:
			return append(appendRight(dst, n%1000, 10), ' ')
		case 7:
			dst = append(appendRight(dst, n%100_000, 11), '.')
			return append(appendPadded(dst, n%100, 2), ' ')
		case 8:
			return append(dst, "EUR  "...)
		}
		return append(appendPadded(append(dst, "USER"...), n%37, 4), spaces[:4]...)
	}
	return &dbTable{
		name: "ZBIGTAB", text: "Many rows", keys: 1, rows: n, sorted: true,
		columns: columns(`
			ID:N10 Number
			MATNR:C18 Material
			DESCRIPTION:C40 Description
			STATUS:C4 Status
			CREATED_ON:D Created on
			CREATED_AT:T Created at
			QUANTITY:I Quantity
			AMOUNT:P15.2 Amount
			CURRENCY:C5 Currency
			CHANGED_BY:C12 Changed by`),
		fill: fill,
		cell: func(row, col int) string { return strings.TrimSpace(string(fill(nil, row, col))) },
	}
}

// padNumber writes n with leading zeros.
func padNumber(n, width int) string {
	s := strconv.Itoa(n)
	if len(s) >= width {
		return s
	}
	return zeros[:width-len(s)] + s
}

const zeros = "00000000000000000000"

// appendPadded appends n with leading zeros.
func appendPadded(dst []byte, n, width int) []byte {
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(n), 10)
	return append(append(dst, zeros[:max(width-len(digits), 0)]...), digits...)
}

// appendRight appends n with leading blanks.
func appendRight(dst []byte, n, width int) []byte {
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(n), 10)
	return append(append(dst, spaces[:max(width-len(digits), 0)]...), digits...)
}

// bigDates are the dates of ZBIGTAB.
var bigDates = sync.OnceValue(func() []abap.Date {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	list := make([]abap.Date, 2000)
	for i := range list {
		if d, err := abap.DateFromTime(start.AddDate(0, 0, i)); err == nil {
			list[i] = d
		}
	}
	return list
})
