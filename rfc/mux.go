package rfc

import (
	"context"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// Module is a function module that can be called: its interface and the code behind it.
type Module struct {
	Interface *metadata.Function
	// Serve runs a call. An error of class ABAPException, ABAPMessage or ABAPRuntime
	// (RaiseException, RaiseMessage, RuntimeFailure) reaches the caller as such; any other
	// error, and a panic, as a system failure that ends the session.
	Serve HandlerFunc
}

// HandlerFunc runs one call. reply must not be used after the function returned.
type HandlerFunc func(ctx context.Context, req *Request, reply *Reply) error

// Handler finds function modules by name. A Mux is one.
type Handler interface {
	// Module returns the module, or nil when there is none: the caller then reads
	// FU_NOT_FOUND and the session goes on.
	Module(ctx context.Context, name string) (*Module, error)
}

// Mux is a set of function modules. It is safe for concurrent use; modules may be added
// while calls are served. The zero value is ready to use.
type Mux struct {
	// NotFound, if set, is asked for modules that were not registered. Set it before serving.
	NotFound func(ctx context.Context, name string) (*Module, error)

	mu         sync.RWMutex
	modules    map[string]*Module
	types      map[string]*metadata.Type
	middleware []func(name string, next HandlerFunc) HandlerFunc
}

// NewMux makes an empty set.
func NewMux() *Mux { return new(Mux) }

// Handle registers a module. Registering a name twice or a nil handler is an error
// (cases Q-02, B-86).
func (m *Mux) Handle(f *metadata.Function, serve HandlerFunc) error {
	if f == nil || serve == nil {
		return &Error{Class: ClassConfig, Step: StepConfig, Message: "server function without an interface or without a handler"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.modules == nil {
		m.modules = make(map[string]*Module)
	}
	if _, dup := m.modules[f.Name]; dup {
		return &Error{Class: ClassConfig, Step: StepConfig, Function: f.Name, Message: fmt.Sprintf("Server function '%s' already installed.", f.Name)}
	}
	m.modules[f.Name] = &Module{Interface: f, Serve: serve}
	return nil
}

// Use wraps every module, those registered already as well: the function given last runs
// first. It serves authorization, logging and limits.
func (m *Mux) Use(middleware func(name string, next HandlerFunc) HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.middleware = append(m.middleware, middleware)
}

// Module implements Handler.
func (m *Mux) Module(ctx context.Context, name string) (*Module, error) {
	m.mu.RLock()
	mod, wrap := m.modules[name], m.middleware
	m.mu.RUnlock()
	if mod == nil {
		if m.NotFound == nil {
			return nil, nil
		}
		found, err := m.NotFound(ctx, name)
		if err != nil || found == nil {
			return nil, err
		}
		mod = found
	}
	if len(wrap) == 0 {
		return mod, nil
	}
	serve := mod.Serve
	for _, w := range wrap {
		serve = w(name, serve)
	}
	return &Module{Interface: mod.Interface, Serve: serve}, nil
}

// Describe returns the interface of a registered module, or nil.
func (m *Mux) Describe(name string) *metadata.Function {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if mod := m.modules[name]; mod != nil {
		return mod.Interface
	}
	return nil
}

// Function implements FunctionSource from the registered modules.
func (m *Mux) Function(_ context.Context, name string) (*metadata.Function, error) {
	if f := m.Describe(name); f != nil {
		return f, nil
	}
	return nil, functionNotFound(name)
}

// Search lists the interfaces whose name matches a pattern with * and ?, in byte order.
func (m *Mux) Search(pattern string) []*metadata.Function {
	m.mu.RLock()
	defer m.mu.RUnlock()
	pattern = strings.NewReplacer("[", `\[`, `\`, `\\`, "+", "?").Replace(pattern)
	var list []*metadata.Function
	for name, mod := range m.modules {
		if ok, err := path.Match(escapeSlash(pattern), escapeSlash(name)); err == nil && ok {
			list = append(list, mod.Interface)
		}
	}
	slices.SortFunc(list, func(a, b *metadata.Function) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// escapeSlash lets * of path.Match cross the slashes of a namespace.
func escapeSlash(s string) string { return strings.ReplaceAll(s, "/", "\x01") }

// AddType makes a structure known that no registered parameter refers to, so that its
// description can be asked for.
func (m *Mux) AddType(t *metadata.Type) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.types == nil {
		m.types = make(map[string]*metadata.Type)
	}
	m.types[t.Name] = t
}

// Types lists all structures that the registered modules and AddType know, by name, with
// the structures inside them.
func (m *Mux) Types() map[string]*metadata.Type {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make(map[string]*metadata.Type)
	var add func(t *metadata.Type, depth int)
	add = func(t *metadata.Type, depth int) {
		if t == nil || depth > metadata.MaxDepth {
			return
		}
		if t.Name != "" {
			if _, done := all[t.Name]; done {
				return
			}
			all[t.Name] = t
		}
		for i := range t.Fields {
			add(t.Fields[i].Type, depth+1)
		}
	}
	for _, t := range m.types {
		add(t, 0)
	}
	for _, mod := range m.modules {
		for i := range mod.Interface.Parameters {
			add(mod.Interface.Parameters[i].Type, 0)
		}
	}
	return all
}

// Handle registers a typed handler and derives the interface of the module from its
// types; see InterfaceOf for the rules.
//
//	rfc.Handle(mux, "Z_GREET", func(ctx context.Context, in GreetIn) (GreetOut, error) { ... })
func Handle[In, Out any](m *Mux, name string, h func(ctx context.Context, in In) (Out, error)) error {
	f, err := InterfaceOf[In, Out](name)
	if err != nil {
		return err
	}
	return HandleInterface(m, f, h)
}

// HandleInterface registers a typed handler for a given interface. In receives IMPORTING,
// CHANGING and TABLES parameters, Out supplies EXPORTING, CHANGING and TABLES parameters;
// either may leave some out. A mismatch between types and interface is reported here.
func HandleInterface[In, Out any](m *Mux, f *metadata.Function, h func(ctx context.Context, in In) (Out, error)) error {
	if h == nil {
		return m.Handle(f, nil)
	}
	if err := planErrors(f, unicode, serialization.Options{}, reflect.TypeFor[In](), reflect.TypeFor[Out]()); err != nil {
		return &Error{Class: ClassConfig, Step: StepConfig, Function: f.Name, Err: err}
	}
	return m.Handle(f, func(ctx context.Context, req *Request, reply *Reply) error {
		var in In
		if err := req.Scan(&in); err != nil {
			return err
		}
		out, err := h(ctx, in)
		if err != nil {
			return err
		}
		reply.Set(&out)
		return nil
	})
}
