package destination

import (
	"slices"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/internal/nearest"
)

// Kind is the form of a value.
type Kind string

// The kinds. What exactly a property takes is in Property.Allowed.
const (
	KindText        Kind = "text"
	KindHost        Kind = "host"
	KindService     Kind = "service" // a port, or the name of a service
	KindPort        Kind = "port"
	KindDigits      Kind = "digits" // leading zeros count
	KindSwitch      Kind = "switch" // 0 or 1; false and true are read as well
	KindChoice      Kind = "choice"
	KindCount       Kind = "count"
	KindDuration    Kind = "duration" // a whole number of Property.Unit
	KindRoute       Kind = "route"    // a SAProuter string; its passwords print as ***
	KindDestination Kind = "destination"
)

// Support says what this release does with a property.
type Support string

const (
	// Supported: it has its effect.
	Supported Support = "yes"
	// Kept: it is known, checked and kept but has no effect; a warning names it.
	Kept Support = "kept"
	// Refused: a value other than the neutral one is an error. To go on without its effect
	// would mean another partner, another user or less protection than was asked for.
	Refused Support = "refused"
	// Legacy: read, warned about and left out.
	Legacy Support = "legacy"
)

// Group is what a property is about. The groups are the sections of docs/jco.md.
type Group string

// The groups.
const (
	GroupTarget     Group = "Target"
	GroupBalancing  Group = "Load balancing"
	GroupLogon      Group = "Logon"
	GroupWebSocket  Group = "WebSocket RFC and TLS"
	GroupProxy      Group = "Proxy and tunnel"
	GroupSNC        Group = "SNC"
	GroupPool       Group = "Pool"
	GroupRepository Group = "Repository"
	GroupTuning     Group = "Behaviour and tuning"
	GroupOwn        Group = "Settings of this library"
	GroupServer     Group = "Server"
	GroupLegacy     Group = "Legacy"
)

// Property describes one key of a configuration.
type Property struct {
	// Key is the name in JCo's spelling, for example jco.client.ashost. Case counts.
	Key string
	// Constant is the name of the constant of this package that holds Key.
	Constant string
	// Aliases are other names, read in any case: those of the NW RFC SDK, as in sapnwrfc.ini
	// (ASHOST), and those of destination services (User).
	Aliases []string
	Group   Group
	Kind    Kind
	// Default is the value when the property is absent, or a description in parentheses.
	Default string
	// Unit is the unit of a number.
	Unit string
	// Allowed says which values are allowed, in the words of the errors.
	Allowed string
	// Secret: the value is never shown.
	Secret bool
	// For are the kinds of destinations it concerns: D direct, L load balanced, W WebSocket,
	// G gateway program, S server, * all.
	For string
	// Effect says what a change of the value changes: route, logon, call, pool, metadata,
	// trace, or nothing.
	Effect  string
	Support Support
	// Remedy says what to do instead, unless it is Supported.
	Remedy string
	// Doc is one sentence.
	Doc string

	neutral []string            // values of a Refused property that change nothing
	form    func(string) string // says what is wrong with a value, or nothing
	tidy    func(string) string // another spelling of the same value, if it has one
	get     func(*Config) string
	set     func(*Config, string) // of a value in order
}

// AllProperties lists every known property, in the order of the documentation. The slice is
// the caller's.
func AllProperties() []Property { return slices.Clone(table) }

// LookUpProperty finds a property by its key, or by another name in any case.
func LookUpProperty(name string) (Property, bool) {
	if row := find(name); row != nil {
		return *row, true
	}
	return Property{}, false
}

// index finds rows of the table.
var index = sync.OnceValue(func() (x struct{ keys, aliases map[string]*Property }) {
	x.keys, x.aliases = map[string]*Property{}, map[string]*Property{}
	for i := range table {
		row := &table[i]
		x.keys[row.Key] = row
		for _, a := range row.Aliases {
			if hasOwnSpelling(a) {
				x.keys[a] = row
				continue
			}
			x.aliases[strings.ToUpper(a)] = row
		}
	}
	return x
})

// find gives the row of a key or alias, or nil.
func find(name string) *Property {
	if row := index().keys[name]; row != nil {
		return row
	}
	if hasOwnSpelling(name) {
		return legacyPrefix(name)
	}
	return index().aliases[strings.ToUpper(name)]
}

// hasOwnSpelling reports a name whose case counts: those of JCo and our own.
func hasOwnSpelling(name string) bool {
	return strings.HasPrefix(name, "jco.") || strings.HasPrefix(name, "go.")
}

// legacyPrefix finds the row of the keys of JCo 2 that differ in their ends only.
func legacyPrefix(name string) *Property {
	for _, prefix := range []string{"jco.poolmgr.", "jco.pool."} {
		if strings.HasPrefix(name, prefix) {
			return index().keys[prefix+"*"]
		}
	}
	return nil
}

// short is a key without the part that many share.
func short(key string) string {
	for _, prefix := range []string{"jco.client.", "jco.destination.", "jco.server.", "jco."} {
		if s, ok := strings.CutPrefix(key, prefix); ok {
			return s
		}
	}
	return key
}

// nearestKey is the key that was probably meant, or nothing. The part that all keys share
// would make any two of them near, so it does not count.
func nearestKey(given string) string {
	s := short(given)
	prefix := strings.TrimSuffix(given, s)
	var names []string
	keys := map[string]string{}
	add := func(name, key string, better bool) {
		if _, twice := keys[name]; !twice {
			names = append(names, name)
		} else if !better {
			return
		}
		keys[name] = key
	}
	for i := range table {
		row := &table[i]
		if row.Support == Legacy {
			continue
		}
		add(strings.ToLower(short(row.Key)), row.Key, prefix != "" && strings.HasPrefix(row.Key, prefix))
		for _, a := range row.Aliases {
			if prefix == "" {
				add(strings.ToLower(a), a, true)
			}
		}
	}
	return keys[nearest.Name(s, names)]
}
