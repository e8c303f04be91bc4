package destination

import "strconv"

// Origin is the kind of place a value comes from.
type Origin uint8

// The origins.
const (
	FromCode        Origin = iota // a program set it; Source.Name may say more
	FromFile                      // Source.Name is the path, Source.Line the line
	FromEnvironment               // Source.Name is the variable
	FromFlag                      // Source.Name is the flag of a command line
	FromService                   // a service, for example the destination service
	FromDefault                   // nobody set it
	FromOthers                    // it follows from other properties; Source.Name says which
)

var originNames = [...]string{
	FromCode: "code", FromFile: "file", FromEnvironment: "environment", FromFlag: "flag", FromService: "service",
	FromDefault: "default", FromOthers: "from",
}

// String names the origin.
func (o Origin) String() string {
	if int(o) < len(originNames) {
		return originNames[o]
	}
	return "Origin(" + strconv.Itoa(int(o)) + ")"
}

// Source says where a value comes from.
type Source struct {
	Origin Origin
	// Name is the file, variable, flag or service; may be empty.
	Name string
	// Line is the line in the file, from 1; 0 if there is none.
	Line int
}

// String gives for example "A4H.jcoDestination:3", "environment RFC_DEST_A4H",
// "flag --ashost", "default", "from jco.client.sysnr".
func (s Source) String() string {
	switch {
	case s.Name == "":
		return s.Origin.String()
	case s.Origin == FromFile && s.Line > 0:
		return s.Name + ":" + strconv.Itoa(s.Line)
	case s.Origin == FromFile || s.Origin == FromCode:
		return s.Name
	}
	text := s.Origin.String() + " " + s.Name
	if s.Line > 0 {
		text += ":" + strconv.Itoa(s.Line)
	}
	return text
}

// MarshalText gives String.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
