package rfctest

import (
	"strings"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// flights is BAPI_FLIGHT_GETLIST over the tables SCARR, SPFLI and SFLIGHT.
//
// Source: spec 24.6; PRICE is P15.2 in 8 bytes [capture], the rest general knowledge
// [inferred].
func flights() area {
	return area{
		types: func(d *metadata.Dictionary) {
			d.Structure("BAPISFLDST", "AIRPORTID:C3 CITY:C20 COUNTR:C3 COUNTR_ISO:C2")
			d.Structure("BAPISFLDRA", "SIGN:C1 OPTION:C2 LOW:D HIGH:D")
			d.Structure("BAPIPAREX", "STRUCTURE:C30 VALUEPART1:C240 VALUEPART2:C240 VALUEPART3:C240 VALUEPART4:C240")
			d.Structure("BAPISFLDAT", `AIRLINEID:C3 AIRLINE:C20 CONNECTID:N4 FLIGHTDATE:D AIRPORTFR:C3 CITYFROM:C20 AIRPORTTO:C3 CITYTO:C20
				DEPTIME:T ARRTIME:T ARRDATE:D PRICE:P8.2 CURR:C5 CURR_ISO:C3`)
		},
		modules: []definition{{name: "BAPI_FLIGHT_GETLIST", group: "SAPBC_BAPI_SFLIGHT", text: "List flights", serve: typed(flightList), interfaceText: `
			IMPORTING AIRLINE:C3 OPTIONAL                       " Airline
			IMPORTING DESTINATION_FROM:{BAPISFLDST} OPTIONAL    " From where
			IMPORTING DESTINATION_TO:{BAPISFLDST} OPTIONAL      " To where
			IMPORTING MAX_ROWS:I OPTIONAL                       " Most flights to return, 0: all
			TABLES    DATE_RANGE:[BAPISFLDRA]                   " Flight dates
			TABLES    EXTENSION_IN:[BAPIPAREX]                  " Customer fields; ignored
			TABLES    EXTENSION_OUT:[BAPIPAREX]                 " Customer fields; empty
			TABLES    FLIGHT_LIST:[BAPISFLDAT]                  " The flights
			TABLES    RETURN:[BAPIRET2]                         " Messages`}},
	}
}

type (
	flightPlace struct {
		Airport string `rfc:"AIRPORTID"`
		City    string `rfc:"CITY"`
		Country string `rfc:"COUNTR"`
		ISO     string `rfc:"COUNTR_ISO"`
	}
	dateRange struct {
		Sign   string    `rfc:"SIGN"`
		Option string    `rfc:"OPTION"`
		Low    abap.Date `rfc:"LOW"`
		High   abap.Date `rfc:"HIGH"`
	}
	flightIn struct {
		Airline string      `rfc:"AIRLINE"`
		From    flightPlace `rfc:"DESTINATION_FROM"`
		To      flightPlace `rfc:"DESTINATION_TO"`
		Max     int32       `rfc:"MAX_ROWS"`
		Dates   []dateRange `rfc:"DATE_RANGE"`
	}
	flight struct {
		AirlineID string       `rfc:"AIRLINEID"`
		Airline   string       `rfc:"AIRLINE"`
		Connect   string       `rfc:"CONNECTID"`
		Date      abap.Date    `rfc:"FLIGHTDATE"`
		From      string       `rfc:"AIRPORTFR"`
		CityFrom  string       `rfc:"CITYFROM"`
		To        string       `rfc:"AIRPORTTO"`
		CityTo    string       `rfc:"CITYTO"`
		Departure abap.Time    `rfc:"DEPTIME"`
		Arrival   abap.Time    `rfc:"ARRTIME"`
		Arrives   abap.Date    `rfc:"ARRDATE"`
		Price     abap.Decimal `rfc:"PRICE"`
		Currency  string       `rfc:"CURR"`
		ISO       string       `rfc:"CURR_ISO"`
	}
	flightOut struct {
		Flights []flight   `rfc:"FLIGHT_LIST"`
		Return  []bapiRet2 `rfc:"RETURN"`
	}
)

// record is a row of a table with access by column name.
type record struct {
	table *dbTable
	row   int
}

func (r record) get(name string) string { return r.table.cell(r.row, r.table.column(name)) }

// find gives the first row of a table whose columns have the given values, pairwise.
func (d *database) find(table string, pairs ...string) (record, bool) {
	t := d.tables[table]
next:
	for row := range t.rows {
		r := record{t, row}
		for i := 0; i+1 < len(pairs); i += 2 {
			if r.get(pairs[i]) != pairs[i+1] {
				continue next
			}
		}
		return r, true
	}
	return record{}, false
}

func (p *flightPlace) matches(airport, city, country string) bool {
	same := func(want, got string) bool { return want == "" || strings.EqualFold(want, got) }
	return same(p.Airport, airport) && same(p.City, city) && same(p.Country, country) && same(p.ISO, country)
}

func flightList(s *System, req *rfc.Request, in *flightIn) (*flightOut, error) {
	out := new(flightOut)
	t := s.data.tables["SFLIGHT"]
	for row := range t.rows {
		f := record{t, row}
		carrier, connection := f.get("CARRID"), f.get("CONNID")
		plan, ok := s.data.find("SPFLI", "CARRID", carrier, "CONNID", connection)
		if !ok || in.Airline != "" && !strings.EqualFold(in.Airline, carrier) ||
			!in.From.matches(plan.get("AIRPFROM"), plan.get("CITYFROM"), plan.get("COUNTRYFR")) ||
			!in.To.matches(plan.get("AIRPTO"), plan.get("CITYTO"), plan.get("COUNTRYTO")) {
			continue
		}
		entry, err := makeFlight(f, plan)
		if err != nil {
			return nil, err
		}
		if !inDates(in.Dates, entry.Date) {
			continue
		}
		if airline, ok := s.data.find("SCARR", "CARRID", carrier); ok {
			entry.Airline = airline.get("CARRNAME")
		}
		if in.Max > 0 && len(out.Flights) == int(in.Max) {
			break
		}
		out.Flights = append(out.Flights, entry)
	}
	ret := bapiRet2{Type: "S", ID: "BC_IBF", Number: "000", LogNumber: "000000", Message: "Method was executed successfully", System: s.logicalName(req)}
	if len(out.Flights) == 0 {
		ret.Type, ret.Number, ret.Message = "E", "009", "No corresponding flight data found"
	}
	out.Return = []bapiRet2{ret}
	return out, nil
}

func makeFlight(f, plan record) (flight, error) {
	date, err := abap.RawDate(f.get("FLDATE"))
	if err != nil {
		return flight{}, err
	}
	departure, err := abap.RawTime(plan.get("DEPTIME"))
	if err != nil {
		return flight{}, err
	}
	arrival, err := abap.RawTime(plan.get("ARRTIME"))
	if err != nil {
		return flight{}, err
	}
	price, err := abap.ParseDecimal(f.get("PRICE"))
	if err != nil {
		return flight{}, err
	}
	arrives := date
	if y, m, d, err := date.Civil(); err == nil && plan.get("PERIOD") == "1" {
		if next, err := abap.DateOf(y, int(m), d+1); err == nil {
			arrives = next
		} else if next, err := abap.DateOf(y, int(m)+1, 1); err == nil {
			arrives = next
		}
	}
	return flight{
		AirlineID: f.get("CARRID"), Connect: f.get("CONNID"), Date: date, From: plan.get("AIRPFROM"), CityFrom: plan.get("CITYFROM"),
		To: plan.get("AIRPTO"), CityTo: plan.get("CITYTO"), Departure: departure, Arrival: arrival, Arrives: arrives,
		Price: price, Currency: f.get("CURRENCY"), ISO: f.get("CURRENCY"),
	}, nil
}

// inDates evaluates a range table over dates.
func inDates(ranges []dateRange, d abap.Date) bool {
	included, anyInclude := false, false
	for _, r := range ranges {
		hit := inRange(r.Option, d.String(), r.Low.String(), r.High.String())
		switch {
		case r.Sign == "E" && hit:
			return false
		case r.Sign != "E":
			anyInclude, included = true, included || hit
		}
	}
	return included || !anyInclude
}
