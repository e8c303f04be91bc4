package rfctest

import (
	"maps"
	"sync"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// database is what sessions of a system share.
type database struct {
	mu       sync.Mutex
	counters map[string]int64
	stored   []string
	tables   map[string]*dbTable
}

func newDatabase(cfg Config) *database {
	return &database{counters: map[string]int64{}, tables: cannedTables(cfg)}
}

func (d *database) store(lines []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.stored)+len(lines) > maxStoredRows {
		return false
	}
	d.stored = append(d.stored, lines...)
	return true
}

// transactions are the BAPIs around a logical unit of work, and counters on which their
// effect is seen: a counter changed in a session is seen by other sessions behind
// BAPI_TRANSACTION_COMMIT only, and the change is lost with a rollback, a reset or the end
// of the session.
func transactions() area {
	return area{
		types: func(d *metadata.Dictionary) {
			d.Structure("BAPIRET2", `TYPE:C1 ID:C20 NUMBER:N3 MESSAGE:C220 LOG_NO:C20 LOG_MSG_NO:N6 MESSAGE_V1:C50 MESSAGE_V2:C50
				MESSAGE_V3:C50 MESSAGE_V4:C50 PARAMETER:C32 ROW:I FIELD:C30 SYSTEM:C10`)
		},
		modules: []definition{
			{name: "BAPI_TRANSACTION_COMMIT", group: "BAPT", text: "Commit the unit of work", serve: typed(commit), interfaceText: `
				EXPORTING RETURN:{BAPIRET2}          " Messages
				IMPORTING WAIT:C1 OPTIONAL           " X: wait for the update`},
			{name: "BAPI_TRANSACTION_ROLLBACK", group: "BAPT", text: "Roll the unit of work back", serve: typed(rollback), interfaceText: `
				EXPORTING RETURN:{BAPIRET2}          " Messages`},
			{name: "Z_COUNTER_ADD", group: "ZCOUNTER", text: "Add to a counter until commit or rollback", serve: typed(counterAdd), interfaceText: `
				EXPORTING VALUE:8                    " The value as this session sees it
				EXPORTING RETURN:{BAPIRET2}          " Messages
				IMPORTING NAME:C20                   " Name of the counter
				IMPORTING DELTA:I DEFAULT 1          " What to add`},
			{name: "Z_COUNTER_GET", group: "ZCOUNTER", text: "Read a counter", serve: typed(counterGet), interfaceText: `
				EXPORTING COMMITTED:8                " The value that all sessions see
				EXPORTING VALUE:8                    " The value as this session sees it
				IMPORTING NAME:C20                   " Name of the counter`},
		},
	}
}

// bapiRet2 is a row of BAPIRET2.
type bapiRet2 struct {
	Type      string `rfc:"TYPE"`
	ID        string `rfc:"ID"`
	Number    string `rfc:"NUMBER"`
	Message   string `rfc:"MESSAGE"`
	LogNumber string `rfc:"LOG_MSG_NO"`
	V1        string `rfc:"MESSAGE_V1"`
	V2        string `rfc:"MESSAGE_V2"`
	Parameter string `rfc:"PARAMETER"`
	Row       int32  `rfc:"ROW"`
	Field     string `rfc:"FIELD"`
	System    string `rfc:"SYSTEM"`
}

// noMessage is the initial BAPIRET2: numbers are digits even when nothing is said.
var noMessage = bapiRet2{Number: "000", LogNumber: "000000"}

// system is the logical name of the system in messages.
func (s *System) logicalName(req *rfc.Request) string {
	return s.cfg.SystemID + "CLNT" + req.Session().Peer().Logon.Client
}

// pending are the changes of a session that are not committed.
type pending map[string]int64

type pendingKey struct{}

// changes returns the pending changes of a session. A reset and the end of the session
// forget them: that is the rollback.
func changes(session *rfc.Session) pending {
	p, _ := session.Get(pendingKey{}).(pending)
	if p == nil {
		p = pending{}
		session.Set(pendingKey{}, p)
		session.OnReset(func() { clear(p) })
	}
	return p
}

type (
	commitIn struct {
		Wait string `rfc:"WAIT"`
	}
	returnOut struct {
		Return bapiRet2 `rfc:"RETURN"`
	}
)

func commit(s *System, req *rfc.Request, _ *commitIn) (*returnOut, error) {
	p := changes(req.Session())
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	if len(s.data.counters)+len(p) > maxCounters {
		clear(p)
		return &returnOut{bapiRet2{
			Type: "A", ID: "00", Number: "001", LogNumber: "000000", Message: "Too many counters", V1: "Too many counters", System: s.logicalName(req),
		}}, nil
	}
	for name, delta := range p {
		s.data.counters[name] += delta
	}
	clear(p)
	return &returnOut{noMessage}, nil
}

func rollback(_ *System, req *rfc.Request, _ *nothing) (*returnOut, error) {
	clear(changes(req.Session()))
	return &returnOut{noMessage}, nil
}

type (
	counterIn struct {
		Name  string `rfc:"NAME"`
		Delta int32  `rfc:"DELTA"`
	}
	counterNameIn struct {
		Name string `rfc:"NAME"`
	}
	counterAddOut struct {
		Value  int64    `rfc:"VALUE"`
		Return bapiRet2 `rfc:"RETURN"`
	}
	counterGetOut struct {
		Committed int64 `rfc:"COMMITTED"`
		Value     int64 `rfc:"VALUE"`
	}
)

func counterAdd(s *System, req *rfc.Request, in *counterIn) (*counterAddOut, error) {
	delta := int64(in.Delta)
	if !req.Supplied("DELTA") {
		delta = 1
	}
	if in.Name == "" {
		return &counterAddOut{Return: bapiRet2{
			Type: "E", ID: "00", Number: "055", LogNumber: "000000", Message: "Fill out all required entry fields",
			Parameter: "NAME", System: s.logicalName(req),
		}}, nil
	}
	p := changes(req.Session())
	if _, known := p[in.Name]; !known && len(p) >= maxCounters {
		return nil, rfc.RuntimeFailure("TSV_TNEW_PAGE_ALLOC_FAILED", "No more storage space: too many counters in one unit of work")
	}
	p[in.Name] += delta
	return &counterAddOut{Value: s.Counter(in.Name) + p[in.Name], Return: noMessage}, nil
}

func counterGet(s *System, req *rfc.Request, in *counterNameIn) (*counterGetOut, error) {
	committed := s.Counter(in.Name)
	return &counterGetOut{Committed: committed, Value: committed + changes(req.Session())[in.Name]}, nil
}

// Counter is the committed value of a counter that Z_COUNTER_ADD changed.
func (s *System) Counter(name string) int64 {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	return s.data.counters[name]
}

// Counters are the committed values of all counters.
func (s *System) Counters() map[string]int64 {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	return maps.Clone(s.data.counters)
}
