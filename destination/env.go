package destination

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/internal/nearest"
)

// envPrefix begins the variables of Environment.
const envPrefix = "RFC_DEST_"

// DirectoryVariable is the environment variable that names a directory with destinations;
// see Standard.
const DirectoryVariable = "GORFC_DESTINATIONS_DIR"

// Environment takes destinations from environment variables. NAME stands for the name of the
// destination in capitals, - and . as _:
//
//	RFC_DEST_NAME                      all settings, as JSON object or as .properties text
//	RFC_DEST_NAME__JCO_CLIENT_ASHOST   one setting, the key in capitals, - and . as _
//
// A single setting wins over the same one in RFC_DEST_NAME. An empty variable counts as not
// set. Placeholders are resolved.
type Environment struct {
	// Lookup finds a variable. Default os.LookupEnv.
	Lookup func(name string) (string, bool)
	// Environ lists all variables as NAME=value, to find misspelt ones. Default os.Environ; if
	// only Lookup is set, none.
	Environ func() []string
	// Dir is where ${file:...} begins, see Placeholders.
	Dir string
}

func (e *Environment) lookup(name string) string {
	lookup := e.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, _ := lookup(name)
	return value
}

// variables lists the names of all variables.
func (e *Environment) variables() []string {
	list := e.Environ
	if list == nil {
		if e.Lookup != nil {
			return nil
		}
		list = os.Environ
	}
	var names []string
	for _, v := range list() {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// inCapitals is the form of names and keys in variables.
func inCapitals(s string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(s))
}

// Load implements Provider.
func (e *Environment) Load(_ context.Context, name string) (Properties, error) {
	if err := checkName(name); err != nil {
		return Properties{}, err
	}
	all := envPrefix + inCapitals(name)
	p, err := e.whole(all, name)
	if err != nil {
		return Properties{}, err
	}
	single, err := e.single(all + "__")
	if err != nil {
		return Properties{}, err
	}
	if p.Len()+single.Len() == 0 {
		return Properties{}, notHere(name, "the environment ("+all+")")
	}
	h := &Placeholders{Dir: e.Dir, Env: e.Lookup}
	return h.Resolve(p.With(single))
}

// whole reads a variable with all settings.
func (e *Environment) whole(variable, name string) (Properties, error) {
	text := e.lookup(variable)
	if strings.TrimSpace(text) == "" {
		return Properties{}, nil
	}
	format, doc := Format(PropertiesFormat), text
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		format = JSONFormat
	} else {
		doc = string(bom) + text // variables are UTF-8
	}
	fail := func(err error) (Properties, error) {
		return Properties{}, fmt.Errorf("environment variable %s: %w", variable, err)
	}
	members, err := readDocument([]byte(doc), format)
	if err != nil {
		return fail(err)
	}
	_, found, err := destinations(members, name, false)
	if err != nil {
		return fail(err)
	}
	m, ok := found[name]
	if !ok {
		return fail(fmt.Errorf("it holds several destinations, but not %s", name))
	}
	p, err := flat(m.Members, Source{Origin: FromEnvironment, Name: variable})
	if err != nil {
		return fail(err)
	}
	p.additional = format != nil && fromService(m.Members) && strings.HasPrefix(strings.TrimSpace(text), "{")
	return p, nil
}

// single reads the variables with one setting each.
func (e *Environment) single(prefix string) (Properties, error) {
	var p Properties
	known := map[string]bool{}
	var names []string
	for i := range table {
		row := &table[i]
		for _, key := range append([]string{row.Key}, row.Aliases...) {
			variable := prefix + inCapitals(key)
			if known[variable] || strings.Contains(key, "*") {
				continue
			}
			known[variable] = true
			names = append(names, variable)
			if v := e.lookup(variable); v != "" {
				p.SetFrom(key, v, Source{Origin: FromEnvironment, Name: variable})
			}
		}
	}
	var list []error
	for _, v := range e.variables() {
		if !strings.HasPrefix(v, prefix) || known[v] {
			continue
		}
		text := "environment variable " + showKey(v) + ": unknown property"
		if near := nearest.Name(v[len(prefix):], without(names, prefix)); near != "" {
			text += "; did you mean " + prefix + near + "?"
		}
		list = append(list, errors.New(text))
	}
	return p, joined(list)
}

func without(names []string, prefix string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.TrimPrefix(n, prefix)
	}
	return out
}

// Names implements Lister. The names are in capitals, as in the variables.
func (e *Environment) Names(context.Context) ([]string, error) {
	var names []string
	for _, v := range e.variables() {
		name, _, _ := strings.Cut(strings.TrimPrefix(v, envPrefix), "__")
		if checkName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Standard gives the providers that programs usually ask, in this order: Environment, the
// working directory, the directory of the variable GORFC_DESTINATIONS_DIR, and sapnwrfc.ini.
// first come before all of them. env is os.LookupEnv if it is nil; then os.Environ is used as
// well.
func Standard(env func(name string) (string, bool), first ...Provider) Chain {
	c := append(Chain(first), &Environment{Lookup: env}, &Directory{Env: env})
	lookup := env
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if dir, ok := lookup(DirectoryVariable); ok && dir != "" {
		c = append(c, &Directory{Path: dir, Env: env})
	}
	return append(c, INI(env))
}
