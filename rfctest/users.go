package rfctest

import (
	"strings"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// users are BAPIs over the users that may log on. Structures are shortened.
//
// Source: spec 24.6 for BAPI_USER_GETLIST, cases B-16 and G-14 [impl] for the parameters of
// BAPI_USER_GET_DETAIL.
func users() area {
	return area{
		types: func(d *metadata.Dictionary) {
			d.Structure("BAPIUSNAME", "USERNAME:C12 FIRSTNAME:C40 LASTNAME:C40 FULLNAME:C80")
			d.Structure("BAPIUSSRGE", "PARAMETER:C32 FIELD:C30 SIGN:C1 OPTION:C2 LOW:C60 HIGH:C60")
			d.Structure("BAPIUSSEXP", "LOGOP:C3 ARITY:N4 PARAMETER:C32 FIELD:C30 OPTION:C2 LOW:C60 HIGH:C60")
			d.Structure("BAPIADDR3", "FIRSTNAME:C40 LASTNAME:C40 FULLNAME:C80 DEPARTMENT:C40 CITY:C40 COUNTRY:C3 LANGU_P:C1 LANGUP_ISO:C2 E_MAIL:C241")
			d.Structure("BAPILOGOND", "GLTGV:D GLTGB:D USTYP:C1 CLASS:C12 LTIME:T TZONE:C6")
			d.Structure("BAPIDEFAUL", "SPLD:C4 SPDA:C1 KOSTL:C8 LANGU:C1 DATFM:C1 DCPFM:C1 TIMEFM:C1")
			d.Structure("BAPISLOCKD", "WRNG_LOGON:C1 LOCAL_LOCK:C1 GLOB_LOCK:C1 NO_USER_PW:C1")
			d.Structure("BAPIMODDAT", "MODDATE:D MODTIME:T")
			d.Structure("BAPIPARAM", "PARID:C20 PARVA:C40 PARTXT:C60")
			d.Structure("BAPIPROF", "BAPIPROF:C12 BAPIPTEXT:C60 BAPITYPE:C1 BAPIAKTPS:C1")
			d.Structure("BAPIAGR", "AGR_NAME:C30 FROM_DAT:D TO_DAT:D AGR_TEXT:C80 ORG_FLAG:C1")
			d.Structure("BAPIGROUPS", "USERGROUP:C12 TEXT:C60")
		},
		modules: []definition{
			{name: "BAPI_USER_GETLIST", group: "SU_USER", text: "List users", serve: typed(userList), interfaceText: `
				EXPORTING ROWS:I                               " Number of users found
				IMPORTING MAX_ROWS:I DEFAULT 0                 " Most users to return, 0: all
				IMPORTING WITH_USERNAME:C1 DEFAULT SPACE       " X: names of persons as well
				TABLES    RETURN:[BAPIRET2]                    " Messages
				TABLES    SELECTION_EXP:[BAPIUSSEXP]           " Selection as an expression; not evaluated
				TABLES    SELECTION_RANGE:[BAPIUSSRGE]         " Selection by ranges
				TABLES    USERLIST:[BAPIUSNAME]                " The users`},
			{name: "BAPI_USER_GET_DETAIL", group: "SU_USER", text: "Read a user", serve: typed(userDetail), interfaceText: `
				EXPORTING ADDRESS:{BAPIADDR3}                  " Person
				EXPORTING DEFAULTS:{BAPIDEFAUL}                " Defaults
				EXPORTING ISLOCKED:{BAPISLOCKD}                " Locks
				EXPORTING LASTMODIFIED:{BAPIMODDAT}            " Last change
				EXPORTING LOGONDATA:{BAPILOGOND}               " Logon data
				IMPORTING CACHE_RESULTS:C1 DEFAULT 'X'         " Keep the result
				IMPORTING USERNAME:C12                         " User
				TABLES    ACTIVITYGROUPS:[BAPIAGR]             " Roles
				TABLES    GROUPS:[BAPIGROUPS]                  " User groups
				TABLES    PARAMETER:[BAPIPARAM]                " User parameters
				TABLES    PROFILES:[BAPIPROF]                  " Profiles
				TABLES    RETURN:[BAPIRET2]                    " Messages`},
		},
	}
}

type (
	userName struct {
		User  string `rfc:"USERNAME"`
		First string `rfc:"FIRSTNAME"`
		Last  string `rfc:"LASTNAME"`
		Full  string `rfc:"FULLNAME"`
	}
	userRange struct {
		Parameter string `rfc:"PARAMETER"`
		Sign      string `rfc:"SIGN"`
		Option    string `rfc:"OPTION"`
		Low       string `rfc:"LOW"`
		High      string `rfc:"HIGH"`
	}
	userListIn struct {
		Max    int32       `rfc:"MAX_ROWS"`
		Names  string      `rfc:"WITH_USERNAME"`
		Ranges []userRange `rfc:"SELECTION_RANGE"`
	}
	userListOut struct {
		Rows   int32      `rfc:"ROWS"`
		Users  []userName `rfc:"USERLIST"`
		Return []bapiRet2 `rfc:"RETURN"`
	}
)

// person makes a name for a user, so that lists have something to show.
func person(user string) userName {
	u := strings.ToUpper(user)
	last := u
	if len(u) > 1 {
		last = u[:1] + strings.ToLower(u[1:])
	}
	return userName{User: u, First: "Test", Last: last, Full: "Test " + last}
}

func userList(s *System, req *rfc.Request, in *userListIn) (*userListOut, error) {
	out := new(userListOut)
	for _, name := range s.cfg.userNames() {
		p := person(name)
		if !inRanges(in.Ranges, p.User) {
			continue
		}
		if in.Max > 0 && len(out.Users) == int(in.Max) {
			break
		}
		if in.Names != "X" {
			p = userName{User: p.User}
		}
		out.Users = append(out.Users, p)
	}
	out.Rows = int32(len(out.Users))
	return out, nil
}

// inRanges evaluates ranges over the user name as ABAP does: any including one, if there is
// one, and no excluding one.
func inRanges(ranges []userRange, v string) bool {
	included, anyInclude := false, false
	for _, r := range ranges {
		if r.Parameter != "USERNAME" {
			continue
		}
		hit := inRange(r.Option, v, r.Low, r.High)
		switch {
		case r.Sign == "E" && hit:
			return false
		case r.Sign != "E":
			anyInclude, included = true, included || hit
		}
	}
	return included || !anyInclude
}

// inRange evaluates one line of a range table.
func inRange(option, v, low, high string) bool {
	switch option {
	case "", "EQ":
		return v == low
	case "NE":
		return v != low
	case "CP":
		return matchPattern(low, v, '*', '+', '#')
	case "NP":
		return !matchPattern(low, v, '*', '+', '#')
	case "LT":
		return v < low
	case "LE":
		return v <= low
	case "GT":
		return v > low
	case "GE":
		return v >= low
	case "BT":
		return v >= low && v <= high
	case "NB":
		return v < low || v > high
	}
	return false
}

type (
	userDetailIn struct {
		User string `rfc:"USERNAME"`
	}
	userAddress struct {
		First      string `rfc:"FIRSTNAME"`
		Last       string `rfc:"LASTNAME"`
		Full       string `rfc:"FULLNAME"`
		Department string `rfc:"DEPARTMENT"`
		Language   string `rfc:"LANGU_P"`
		ISO        string `rfc:"LANGUP_ISO"`
	}
	userDefaults struct {
		Language string `rfc:"LANGU"`
		Dates    string `rfc:"DATFM"`
		Decimals string `rfc:"DCPFM"`
		Times    string `rfc:"TIMEFM"`
	}
	userLocks struct {
		Wrong  string `rfc:"WRNG_LOGON"`
		Local  string `rfc:"LOCAL_LOCK"`
		Global string `rfc:"GLOB_LOCK"`
		NoPw   string `rfc:"NO_USER_PW"`
	}
	userModified struct {
		Date abap.Date `rfc:"MODDATE"`
		Time abap.Time `rfc:"MODTIME"`
	}
	userLogon struct {
		To    abap.Date `rfc:"GLTGB"`
		Type  string    `rfc:"USTYP"`
		Class string    `rfc:"CLASS"`
	}
	userRole struct {
		Name string    `rfc:"AGR_NAME"`
		From abap.Date `rfc:"FROM_DAT"`
		To   abap.Date `rfc:"TO_DAT"`
		Text string    `rfc:"AGR_TEXT"`
	}
	userGroup struct {
		Group string `rfc:"USERGROUP"`
		Text  string `rfc:"TEXT"`
	}
	userParameter struct {
		ID    string `rfc:"PARID"`
		Value string `rfc:"PARVA"`
	}
	userProfile struct {
		Name string `rfc:"BAPIPROF"`
		Text string `rfc:"BAPIPTEXT"`
	}
	userDetailOut struct {
		Address    userAddress     `rfc:"ADDRESS"`
		Defaults   userDefaults    `rfc:"DEFAULTS"`
		Locked     userLocks       `rfc:"ISLOCKED"`
		Modified   userModified    `rfc:"LASTMODIFIED"`
		Logon      userLogon       `rfc:"LOGONDATA"`
		Roles      []userRole      `rfc:"ACTIVITYGROUPS"`
		Groups     []userGroup     `rfc:"GROUPS"`
		Parameters []userParameter `rfc:"PARAMETER"`
		Profiles   []userProfile   `rfc:"PROFILES"`
		Return     []bapiRet2      `rfc:"RETURN"`
	}
)

func userDetail(s *System, req *rfc.Request, in *userDetailIn) (*userDetailOut, error) {
	for _, name := range s.cfg.userNames() {
		if !strings.EqualFold(name, in.User) {
			continue
		}
		p := person(name)
		from, err := abap.DateOf(2020, 1, 1)
		if err != nil {
			return nil, err
		}
		modified, err := abap.TimeOf(12, 30, 15)
		if err != nil {
			return nil, err
		}
		until, err := abap.DateOf(9999, 12, 31)
		if err != nil {
			return nil, err
		}
		return &userDetailOut{
			Address:    userAddress{First: p.First, Last: p.Last, Full: p.Full, Department: "Tests", Language: "E", ISO: "EN"},
			Defaults:   userDefaults{Language: "E", Dates: "1", Times: "0"},
			Locked:     userLocks{Wrong: "U", Local: "U", Global: "U", NoPw: "U"},
			Modified:   userModified{Date: from, Time: modified},
			Logon:      userLogon{To: until, Type: "A", Class: "SUPER"},
			Roles:      []userRole{{Name: "Z_TESTER", From: from, To: until, Text: "Tester"}},
			Groups:     []userGroup{{Group: "SUPER", Text: "Test users"}},
			Parameters: []userParameter{{ID: "SPA", Value: s.cfg.SystemID}},
			Profiles:   []userProfile{{Name: "S_RFC_ALL", Text: "Remote calls"}},
		}, nil
	}
	user := strings.ToUpper(in.User)
	return &userDetailOut{Return: []bapiRet2{{
		Type: "E", ID: "01", Number: "124", LogNumber: "000000", Message: "User " + user + " does not exist", V1: user,
		Parameter: "USERNAME", System: s.logicalName(req),
	}}}, nil
}
