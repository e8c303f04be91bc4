package rfctest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
)

// moduleSet stands between gateway and modules: it counts calls and lets tests step in. It
// implements rfc.Handler.
type moduleSet struct {
	next rfc.Handler

	mu      sync.RWMutex
	entries map[string]*entry
}

// entry is what is known about one module name. wrapped is made once for each original and
// each interception, so that a call costs a map look-up and a counter.
type entry struct {
	count   atomic.Int64
	wraps   []func(rfc.HandlerFunc) rfc.HandlerFunc
	origin  *rfc.Module
	wrapped *rfc.Module
}

// Module implements rfc.Handler.
func (m *moduleSet) Module(ctx context.Context, name string) (*rfc.Module, error) {
	origin, err := m.next.Module(ctx, name)
	if origin == nil || err != nil {
		return nil, err
	}
	m.mu.RLock()
	e := m.entries[name]
	if e != nil && e.origin == origin {
		w := e.wrapped
		m.mu.RUnlock()
		return w, nil
	}
	m.mu.RUnlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	e = m.entry(name)
	serve := origin.Serve
	for _, w := range e.wraps {
		serve = w(serve)
	}
	count := &e.count
	e.origin, e.wrapped = origin, &rfc.Module{Interface: origin.Interface, Serve: func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
		count.Add(1)
		return serve(ctx, req, reply)
	}}
	return e.wrapped, nil
}

// entry returns the entry of a name; the lock is held.
func (m *moduleSet) entry(name string) *entry {
	if m.entries == nil {
		m.entries = make(map[string]*entry)
	}
	e := m.entries[name]
	if e == nil {
		e = new(entry)
		m.entries[name] = e
	}
	return e
}

func (m *moduleSet) intercept(name string, wrap func(rfc.HandlerFunc) rfc.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entry(name)
	e.wraps = append(e.wraps, wrap)
	e.origin = nil
}

func (m *moduleSet) calls(name string) int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if e := m.entries[name]; e != nil {
		return e.count.Load()
	}
	return 0
}

// definition is one module of the system: its interface as text and its code. Behind a
// double quote a line of the interface carries the short text of the parameter.
type definition struct {
	name, group, text string
	interfaceText     string
	serve             func(ctx context.Context, s *System, req *rfc.Request, reply *rfc.Reply) error
	basXML            bool
}

// program is the name of the ABAP program behind a function group.
func (d *definition) program() string { return "SAPL" + d.group }

// area is a set of modules with the types they share.
type area struct {
	types   func(*metadata.Dictionary)
	modules []definition
}

// built are the interfaces of all modules. They are built once for the process: they are
// immutable, and the plans that other packages cache for them are shared by all systems.
type built struct {
	modules   []builtModule
	structure map[string]*metadata.Type
}

type builtModule struct {
	*definition
	function *metadata.Function
}

var modules = sync.OnceValues(func() (*built, error) {
	b := &built{structure: map[string]*metadata.Type{}}
	d := new(metadata.Dictionary)
	var errs []error
	for _, a := range areas() {
		if a.types != nil {
			a.types(d)
		}
		for i := range a.modules {
			def := &a.modules[i]
			f, err := def.build(d)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			b.modules = append(b.modules, builtModule{def, f})
		}
	}
	for _, name := range d.Names() {
		if t, ok := d.Type(name); ok {
			b.structure[name] = t
		}
	}
	return b, errors.Join(append(errs, d.Err())...)
})

// build makes the interface of a module. Parameters are put into the order in which an
// ABAP system describes them, and in which its callers therefore send them: by class (C, E,
// I, T), then by name.
//
// Source: spec 24.2; captures call/stfc_changing_request, call/rfc_read_table_request.
func (d *definition) build(dict *metadata.Dictionary) (*metadata.Function, error) {
	var lines []string
	texts := map[string]string{}
	for line := range strings.Lines(d.interfaceText) {
		code, text, _ := strings.Cut(line, `"`)
		words := strings.Fields(code)
		if len(words) > 1 {
			name, _, _ := strings.Cut(words[1], ":")
			texts[name] = strings.TrimSpace(text)
			lines = append(lines, strings.Join(words, " "))
		}
	}
	slices.SortFunc(lines, func(a, b string) int { // the words of the classes happen to be in order
		return strings.Compare(strings.ReplaceAll(a, ":", "\x00"), strings.ReplaceAll(b, ":", "\x00"))
	})
	f, err := dict.Function(d.name, strings.Join(lines, "\n"))
	if err != nil {
		return nil, err
	}
	f.Group, f.Text, f.BasXML = d.group, d.text, d.basXML
	for i := range f.Parameters {
		f.Parameters[i].Text = texts[f.Parameters[i].Name]
	}
	for i := range f.Exceptions {
		f.Exceptions[i].Text = texts[f.Exceptions[i].Name]
	}
	return f, nil
}

// register puts the modules into the mux.
func (s *System) register() error {
	b, err := modules()
	if err != nil {
		return err
	}
	for i := range b.modules {
		m := &b.modules[i]
		program := m.program()
		if len(program) > 40 {
			return fmt.Errorf("%s: program name %s is longer than 40 characters", m.name, program)
		}
		serve := m.serve
		err := s.mux.Handle(m.function, func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			reply.Program(program)
			return serve(ctx, s, req, reply)
		})
		if err != nil {
			return err
		}
	}
	for _, t := range b.structure {
		s.mux.AddType(t)
	}
	return repository.Register(s.mux)
}

// typed makes a handler of a function over Go structs.
func typed[In, Out any](h func(s *System, req *rfc.Request, in *In) (*Out, error)) func(context.Context, *System, *rfc.Request, *rfc.Reply) error {
	return func(_ context.Context, s *System, req *rfc.Request, reply *rfc.Reply) error {
		in := new(In)
		if err := req.Scan(in); err != nil {
			return err
		}
		out, err := h(s, req, in)
		if err != nil {
			return err
		}
		reply.Set(out)
		return nil
	}
}
