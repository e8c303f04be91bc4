package rfctest

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// connectionTests are the modules STFC_* that ABAP systems bring to test connections.
//
// Source of the interfaces: spec 24.6 [capture] unless a line says otherwise.
func connectionTests() area {
	return area{
		types: func(d *metadata.Dictionary) {
			d.Structure("RFCTEST", `RFCFLOAT:F RFCCHAR1:C1 RFCINT2:s RFCINT1:b RFCCHAR4:C4 RFCINT4:I RFCHEX3:X3
				RFCCHAR2:C2 RFCTIME:T RFCDATE:D RFCDATA1:C50 RFCDATA2:C50`)
			d.Structure("STFCCPLXT", "I:I C:C10 STR:g XSTR:y")
			d.Table("STFCCPLXT_T", "{STFCCPLXT}")
			d.Structure("ABAPTEXT", "LINE:C72")
			d.Structure("STFC0332", "LINE:C332")
			d.Structure("STFC1000", "LINE:C1000")
		},
		modules: []definition{
			{name: "STFC_CONNECTION", group: "STFC", text: "RFC test: connection", serve: stfcConnection, interfaceText: `
				EXPORTING ECHOTEXT:C255               " The text that was sent
				EXPORTING RESPTEXT:C255               " System, date, time and logon data
				IMPORTING REQUTEXT:C255               " A text to send`},
			{name: "STFC_STRUCTURE", group: "STFC", text: "RFC test: structures and tables", serve: typed(stfcStructure), interfaceText: `
				EXPORTING ECHOSTRUCT:{RFCTEST}        " The structure that was sent
				EXPORTING RESPTEXT:C255               " System, date, time and logon data
				IMPORTING IMPORTSTRUCT:{RFCTEST}      " A structure to send
				TABLES    RFCTABLE:[RFCTEST]          " Rows to send; one is appended`},
			// The program name is the captured one.
			{name: "STFC_CHANGING", group: "MRFC", text: "RFC test: changing parameters", serve: typed(stfcChanging), interfaceText: `
				EXPORTING RESULT:I                    " Start value plus counter
				IMPORTING START_VALUE:I               " Start value
				CHANGING  COUNTER:I                   " Counter, increased by one`},
			{name: "STFC_STRING", group: "STFC", text: "RFC test: strings", serve: typed(stfcString), interfaceText: `
				EXPORTING MYANSWER:g                  " The question again
				IMPORTING QUESTION:g                  " Any text`},
			{name: "STFC_DEEP_STRUCTURE", group: "STFC", text: "RFC test: deep structures", serve: typed(stfcDeepStructure), basXML: true, interfaceText: `
				EXPORTING ECHOSTRUCT:{STFCCPLXT}      " The structure that was sent
				EXPORTING RESPTEXT:C255               " System, date, time and logon data
				IMPORTING IMPORTSTRUCT:{STFCCPLXT}    " A structure to send`},
			{name: "STFC_DEEP_TABLE", group: "STFC", text: "RFC test: deep tables", serve: typed(stfcDeepTable), basXML: true, interfaceText: `
				EXPORTING EXPORT_TAB:[STFCCPLXT_T]    " The rows that were sent and one more
				EXPORTING RESPTEXT:C255               " System, date, time and logon data
				IMPORTING IMPORT_TAB:[STFCCPLXT_T]    " Rows to send`},
			{name: "STFC_EXCEPTION", group: "STFC", text: "RFC test: exceptions", serve: stfcException, interfaceText: `
				RAISING   EXAMPLE                     " Always raised`},
			// NUM for the counters [impl]: a public client reads them as such on a trial system.
			{name: "STFC_PERFORMANCE", group: "STFC", text: "RFC test: performance", serve: typed(stfcPerformance), interfaceText: `
				EXPORTING EXITCODE:C1                 " O: as asked, E: rows are missing
				IMPORTING CHECKTAB:C1 OPTIONAL        " X: check and fill the tables
				IMPORTING LGET0332:N7 OPTIONAL        " Rows to return in ETAB0332
				IMPORTING LGET1000:N7 OPTIONAL        " Rows to return in ETAB1000
				IMPORTING LGIT0332:N7 OPTIONAL        " Rows that were sent in ITAB0332
				IMPORTING LGIT1000:N7 OPTIONAL        " Rows that were sent in ITAB1000
				TABLES    ETAB0332:[STFC0332]         " Rows of 332 characters back
				TABLES    ETAB1000:[STFC1000]         " Rows of 1000 characters back
				TABLES    ITAB0332:[STFC0332]         " Rows of 332 characters sent
				TABLES    ITAB1000:[STFC1000]         " Rows of 1000 characters sent`},
			{name: "STFC_CONNECTION_BACK", group: "STFC", text: "RFC test: connection with calls back", serve: stfcConnectionBack, interfaceText: `
				EXPORTING ECHOTEXT:C255               " What the last call back returned
				EXPORTING RESPTEXT:C255               " What the last call back said
				IMPORTING NRBACK:N5 OPTIONAL          " Number of calls back
				IMPORTING REQUTEXT:C255               " A text to send`},
			{name: "STFC_WRITE_TO_TCPIC", group: "STFC", text: "RFC test: write rows", serve: typed(stfcWrite), interfaceText: `
				IMPORTING RESTART_QNAME:C24 OPTIONAL  " Queue to restart; ignored
				TABLES    TCPICDAT:[ABAPTEXT]         " Rows to store`},
			{name: "STFC_SAPGUI", group: "STFC", text: "RFC test: SAP GUI", serve: stfcGUI},
		},
	}
}

type (
	connectionIn struct {
		Text string `rfc:"REQUTEXT"`
	}
	connectionOut struct {
		Echo string `rfc:"ECHOTEXT"`
		Resp string `rfc:"RESPTEXT"`
	}
)

// connectionState is kept in the session, so that a call costs no memory of its own: a
// session makes one call at a time and the reply is written before the next begins.
type connectionState struct {
	in     connectionIn
	out    connectionOut
	second int64
}

type connectionKey struct{}

func stfcConnection(_ context.Context, s *System, req *rfc.Request, reply *rfc.Reply) error {
	session := req.Session()
	st, _ := session.Get(connectionKey{}).(*connectionState)
	if st == nil {
		st = new(connectionState)
		session.Set(connectionKey{}, st)
	}
	st.in = connectionIn{}
	if err := req.Scan(&st.in); err != nil {
		return err
	}
	st.out.Echo = st.in.Text
	if now := s.cfg.Now(); st.out.Resp == "" || now.Unix() != st.second {
		st.second, st.out.Resp = now.Unix(), s.responseText(req, now)
	}
	reply.Set(&st.out)
	return nil
}

// responseText is what STFC_CONNECTION says of system, time and caller.
//
// Source: spec 24.6 [capture].
func (s *System) responseText(req *rfc.Request, now time.Time) string {
	who := req.Session().Peer().Logon
	b := make([]byte, 0, 128)
	b = append(b, "SAP R/3 Rel. "...)
	b = append(b, s.cfg.System.Release...)
	b = append(b, "   Sysid: "...)
	b = append(b, s.cfg.SystemID...)
	b = append(b, "      Date: "...)
	b = now.AppendFormat(b, "20060102")
	b = append(b, "   Time: "...)
	b = now.AppendFormat(b, "150405")
	b = append(b, "   Logon_Data: "...)
	b = append(b, who.Client...)
	b = append(b, '/')
	b = append(b, who.User...)
	b = append(b, '/')
	return string(append(b, who.Language...))
}

// today is the date and time of the system's clock. A year that a date cannot hold gives
// the initial date.
func (s *System) today() (abap.Date, abap.Time) {
	now := s.cfg.Now()
	d, err := abap.DateFromTime(now)
	if err != nil {
		d = abap.Date{}
	}
	return d, abap.TimeFromTime(now)
}

func noOperation(context.Context, *System, *rfc.Request, *rfc.Reply) error { return nil }

// rfcTest is a row of RFCTEST.
type rfcTest struct {
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

type (
	structureIn struct {
		Struct rfcTest   `rfc:"IMPORTSTRUCT"`
		Table  []rfcTest `rfc:"RFCTABLE"`
	}
	structureOut struct {
		Echo  rfcTest   `rfc:"ECHOSTRUCT"`
		Resp  string    `rfc:"RESPTEXT"`
		Table []rfcTest `rfc:"RFCTABLE"`
	}
)

// overflow is the short dump of an addition that leaves its type.
func overflow(key, what string) error {
	return rfc.RuntimeFailure(key, "Overflow when converting from "+what)
}

func stfcStructure(s *System, req *rfc.Request, in *structureIn) (*structureOut, error) {
	given := &in.Struct
	if given.Int1 == math.MaxUint8 || given.Int2 == math.MaxInt16 {
		return nil, overflow("CONVT_OVERFLOW", strconv.Itoa(max(int(given.Int2), int(given.Int1))+1))
	}
	if given.Int4 == math.MaxInt32 {
		return nil, overflow("COMPUTE_INT_PLUS_OVERFLOW", strconv.FormatInt(math.MaxInt32+1, 10))
	}
	row := *given
	row.Float++
	row.Int1++
	row.Int2++
	row.Int4++
	row.Char1, row.Char2, row.Char4 = "X", "YZ", s.cfg.SystemID
	row.Hex3 = [3]byte{0xf1, 0xf2, 0xf3}
	row.Date, row.Time = s.today()
	return &structureOut{
		Echo: in.Struct, Resp: s.responseText(req, s.cfg.Now()), Table: append(in.Table, row),
	}, nil
}

type (
	changingIn struct {
		Start   int32 `rfc:"START_VALUE"`
		Counter int32 `rfc:"COUNTER"`
	}
	changingOut struct {
		Result  int32 `rfc:"RESULT"`
		Counter int32 `rfc:"COUNTER"`
	}
)

func stfcChanging(_ *System, _ *rfc.Request, in *changingIn) (*changingOut, error) {
	sum := int64(in.Start) + int64(in.Counter)
	if sum != int64(int32(sum)) || in.Counter == math.MaxInt32 {
		return nil, overflow("COMPUTE_INT_PLUS_OVERFLOW", strconv.FormatInt(max(sum, int64(in.Counter)+1), 10))
	}
	return &changingOut{Result: int32(sum), Counter: in.Counter + 1}, nil
}

type (
	stringIn struct {
		Question string `rfc:"QUESTION"`
	}
	stringOut struct {
		Answer string `rfc:"MYANSWER"`
	}
)

func stfcString(_ *System, _ *rfc.Request, in *stringIn) (*stringOut, error) {
	return &stringOut{Answer: in.Question}, nil
}

// complexRow is a row of STFCCPLXT.
type complexRow struct {
	Int  int32  `rfc:"I"`
	Char string `rfc:"C"`
	Text string `rfc:"STR"`
	Raw  []byte `rfc:"XSTR"`
}

type (
	deepStructureIn struct {
		Struct complexRow `rfc:"IMPORTSTRUCT"`
	}
	deepStructureOut struct {
		Echo complexRow `rfc:"ECHOSTRUCT"`
		Resp string     `rfc:"RESPTEXT"`
	}
	deepTableIn struct {
		Rows []complexRow `rfc:"IMPORT_TAB"`
	}
	deepTableOut struct {
		Rows []complexRow `rfc:"EXPORT_TAB"`
		Resp string       `rfc:"RESPTEXT"`
	}
)

func stfcDeepStructure(s *System, req *rfc.Request, in *deepStructureIn) (*deepStructureOut, error) {
	return &deepStructureOut{Echo: in.Struct, Resp: s.responseText(req, s.cfg.Now())}, nil
}

func stfcDeepTable(s *System, req *rfc.Request, in *deepTableIn) (*deepTableOut, error) {
	date, _ := s.today()
	row := complexRow{Int: 10, Char: "Appended", Text: date.String(), Raw: []byte{0xde, 0xad, 0xbe, 0xef}}
	return &deepTableOut{Rows: append(in.Rows, row), Resp: s.responseText(req, s.cfg.Now())}, nil
}

func stfcException(context.Context, *System, *rfc.Request, *rfc.Reply) error {
	return rfc.RaiseException("EXAMPLE")
}

type textLine struct {
	Line string `rfc:"LINE"`
}

type (
	performanceIn struct {
		Check    string     `rfc:"CHECKTAB"`
		Get0332  int        `rfc:"LGET0332"`
		Get1000  int        `rfc:"LGET1000"`
		Sent0332 int        `rfc:"LGIT0332"`
		Sent1000 int        `rfc:"LGIT1000"`
		Rows0332 []textLine `rfc:"ITAB0332"`
		Rows1000 []textLine `rfc:"ITAB1000"`
	}
	performanceOut struct {
		Exit     string                 `rfc:"EXITCODE"`
		Rows0332 rfc.Sequence[textLine] `rfc:"ETAB0332"`
		Rows1000 rfc.Sequence[textLine] `rfc:"ETAB1000"`
	}
)

// generated makes n rows while they are sent. Every row differs in its first ten
// characters; the rest is shared.
func generated(n, width int) rfc.Sequence[textLine] {
	n = min(n, maxGeneratedRows)
	return rfc.Sequence[textLine]{Count: n, Seq: func(yield func(textLine) bool) {
		for line := range numberedLines(n, width) {
			if !yield(textLine{line}) {
				return
			}
		}
	}}
}

// numberedLines yields the lines 1 to n. They are made in blocks, so that a line costs no
// allocation of its own.
func numberedLines(n, width int) iter.Seq[string] {
	const block = 32
	return func(yield func(string) bool) {
		rest := strings.Repeat(" purerfc", width/8)[:width-10]
		buf := make([]byte, 0, block*width)
		for first := 1; first <= n; first += block {
			buf = buf[:0]
			last := min(first+block-1, n)
			for i := first; i <= last; i++ {
				buf = fmt.Appendf(buf, "%010d", i)
				buf = append(buf, rest...)
			}
			text := string(buf)
			for len(text) > 0 {
				if !yield(text[:width]) {
					return
				}
				text = text[width:]
			}
		}
	}
}

func stfcPerformance(_ *System, _ *rfc.Request, in *performanceIn) (*performanceOut, error) {
	out := &performanceOut{Exit: "O"}
	if in.Check != "X" {
		return out, nil
	}
	if len(in.Rows0332) != in.Sent0332 || len(in.Rows1000) != in.Sent1000 {
		out.Exit = "E"
	}
	out.Rows0332, out.Rows1000 = generated(in.Get0332, 332), generated(in.Get1000, 1000)
	return out, nil
}

type backIn struct {
	Number int    `rfc:"NRBACK"`
	Text   string `rfc:"REQUTEXT"`
}

// stfcConnectionBack calls STFC_CONNECTION in the caller, each time with what the call
// before returned (case Q-13 [impl]). A refusal by the caller becomes ours.
func stfcConnectionBack(ctx context.Context, s *System, req *rfc.Request, reply *rfc.Reply) error {
	var in backIn
	if err := req.Scan(&in); err != nil {
		return err
	}
	out := connectionOut{Echo: in.Text, Resp: s.responseText(req, s.cfg.Now())}
	f := s.mux.Describe("STFC_CONNECTION")
	for range min(in.Number, maxCallbacks) {
		values, err := req.Callback(ctx, f, &connectionIn{Text: out.Echo})
		if err != nil {
			return callbackFailure(err)
		}
		out.Echo, _ = values["ECHOTEXT"].(string)
		out.Resp, _ = values["RESPTEXT"].(string)
	}
	reply.Set(&out)
	return nil
}

type (
	writeIn struct {
		Rows []textLine `rfc:"TCPICDAT"`
	}
)

func stfcWrite(s *System, _ *rfc.Request, in *writeIn) (*nothing, error) {
	lines := make([]string, len(in.Rows))
	for i, r := range in.Rows {
		lines[i] = r.Line
	}
	if !s.data.store(lines) {
		return nil, rfc.RuntimeFailure("TSV_TNEW_PAGE_ALLOC_FAILED", fmt.Sprintf("No more storage space: %d rows are kept", maxStoredRows))
	}
	return &nothing{}, nil
}

// StoredRows are the rows that STFC_WRITE_TO_TCPIC wrote, oldest first.
func (s *System) StoredRows() []string {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	return slices.Clone(s.data.stored)
}

func stfcGUI(context.Context, *System, *rfc.Request, *rfc.Reply) error {
	return rfc.RuntimeFailure("DYNPRO_SEND_IN_BACKGROUND", "Screen output without connection to user.")
}
