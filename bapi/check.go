package bapi

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// Call calls a BAPI and decodes its answer as rfc.Call does. The error is an *Error if the BAPI
// says that it failed; what it returned is there all the same. Out has to hold the messages: a
// struct with a Message, a []Message or a pointer to one among its fields, or Params or *Record.
//
// Changes need a commit in the same session; see Transaction.
func Call[Out any](ctx context.Context, c rfc.Caller, function string, in any, opts ...rfc.Option) (Out, error) {
	if t := reflect.TypeFor[Out](); !dynamic(t) && !holds(t, maxEmbedded) {
		var none Out
		return none, &rfc.Error{
			Class: rfc.ClassParameter, Step: rfc.StepEncode, Function: function, Outcome: rfc.NotSent, Key: "RFC_INVALID_PARAMETER", Message: noMessages(t).Error(),
		}
	}
	out, err := rfc.Call[Out](ctx, c, function, in, opts...)
	if err != nil {
		return out, err
	}
	messages, err := Messages(out)
	if err != nil {
		return out, err
	}
	return out, failure(function, messages)
}

// Check gives an *Error if a BAPI says that it failed; v is as for Messages.
func Check(v any) error {
	messages, err := Messages(v)
	if err != nil {
		return err
	}
	function := ""
	if res, ok := v.(*rfc.Response); ok {
		function = res.Function().Name
	}
	return failure(function, messages)
}

func failure(function string, messages []Message) error {
	if !slices.ContainsFunc(messages, Message.Failed) {
		return nil
	}
	return &Error{function, messages}
}

// Messages are all messages of v: an *rfc.Response, Params or a *Record of outputs, of which
// every parameter counts that has the fields of one of the four structures, whatever it is
// called; a struct with Messages in it, or a pointer to one; a Message or []Message. Initial ones
// are left out; those of BAPIRETURN get the ID and Number of their Code.
//
// It is an error if v has no place for messages: then nobody could say whether the BAPI failed.
// A table that is streamed has none that can be read.
func Messages(v any) ([]Message, error) {
	c := new(collector)
	switch v := v.(type) {
	case *rfc.Response:
		if v == nil {
			return nil, noMessages(reflect.TypeFor[*rfc.Response]())
		}
		if err := c.response(v); err != nil {
			return nil, err
		}
	case *rfc.Record:
		values := rfc.Params{}
		maps.Insert(values, v.Fields())
		c.params(values)
	case rfc.Params:
		c.params(v)
	default:
		c.value(reflect.ValueOf(v), maxEmbedded)
	}
	if !c.found {
		return nil, noMessages(reflect.TypeOf(v))
	}
	return c.list, nil
}

func noMessages(t reflect.Type) error {
	return fmt.Errorf("bapi: %v holds no messages: a parameter like BAPIRET2, or a field of the type bapi.Message or []bapi.Message, is needed to say whether the BAPI failed", t)
}

// collector gathers messages. found says that there was a place for them.
type collector struct {
	list  []Message
	found bool
}

func (c *collector) add(m Message) {
	c.found = true
	if !m.initial() {
		c.list = append(c.list, m.settled())
	}
}

// response looks at the description first: only what holds messages is decoded.
func (c *collector) response(res *rfc.Response) error {
	f := res.Function()
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if p.Direction == metadata.Import || p.Type == nil || !isMessage(func(field string) bool { return p.Type.Index(field) >= 0 }) {
			continue
		}
		c.found = true
		if !res.Has(p.Name) {
			continue
		}
		v, err := res.Value(p.Name)
		if err != nil {
			return err
		}
		c.param(v)
	}
	return nil
}

// isMessage knows the four structures by the fields that only they have together.
func isMessage(has func(field string) bool) bool {
	return has("TYPE") && has("MESSAGE") && has("LOG_NO") && (has("CODE") || has("ID") && has("NUMBER"))
}

// params looks at maps of values in the order of their names.
func (c *collector) params(values rfc.Params) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c.param(values[name])
	}
}

// param takes a structure or a table that holds messages.
func (c *collector) param(v any) {
	switch v := v.(type) {
	case rfc.Params:
		if isMessage(func(field string) bool { _, ok := v[field]; return ok }) {
			c.add(messageOf(func(field string) any { return v[field] }))
		}
	case []rfc.Params:
		for _, row := range v {
			c.param(row)
		}
	case *rfc.Record:
		if t := v.Type(); t != nil && isMessage(func(field string) bool { return t.Index(field) >= 0 }) {
			c.add(messageOf(func(field string) any { value, _ := v.Any(field); return value }))
		}
	case *rfc.Table:
		if t := v.Line(); t != nil && isMessage(func(field string) bool { return t.Index(field) >= 0 }) {
			c.found = true
			for _, row := range v.Rows() {
				c.param(row)
			}
		}
	}
}

func messageOf(value func(field string) any) Message {
	text := func(field string) string { s, _ := value(field).(string); return s }
	row, _ := value("ROW").(int32)
	return Message{
		Type: text("TYPE"), ID: text("ID"), Number: text("NUMBER"), Code: text("CODE"), Text: text("MESSAGE"),
		LogNumber: text("LOG_NO"), LogMessageNumber: text("LOG_MSG_NO"),
		V1: text("MESSAGE_V1"), V2: text("MESSAGE_V2"), V3: text("MESSAGE_V3"), V4: text("MESSAGE_V4"),
		Parameter: text("PARAMETER"), Row: row, Field: text("FIELD"), System: text("SYSTEM"),
	}
}

var (
	messageType  = reflect.TypeFor[Message]()
	messagesType = reflect.TypeFor[[]Message]()
)

func dynamic(t reflect.Type) bool {
	return t == reflect.TypeFor[rfc.Params]() || t == reflect.TypeFor[*rfc.Record]()
}

// pointed is the type behind pointers.
func pointed(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func isPlace(t reflect.Type) bool {
	t = pointed(t)
	return t == messageType || t == messagesType
}

// looksInto reports whether a field of a struct is looked at.
func looksInto(f reflect.StructField) bool {
	return f.IsExported() && isPlace(f.Type) || f.Anonymous && pointed(f.Type).Kind() == reflect.Struct
}

// maxEmbedded is how deep structs are looked for in structs: types may embed each other.
const maxEmbedded = 8

// holds reports whether values of a type have a place for messages.
func holds(t reflect.Type, depth int) bool {
	if t = pointed(t); isPlace(t) || t.Kind() != reflect.Struct {
		return isPlace(t)
	}
	for f := range t.Fields() {
		if looksInto(f) && (isPlace(f.Type) || depth > 0 && holds(f.Type, depth-1)) {
			return true
		}
	}
	return false
}

// value looks at Messages, and at structs that have some among their fields.
func (c *collector) value(v reflect.Value, depth int) {
	for v.IsValid() && v.Kind() == reflect.Pointer {
		if v.IsNil() {
			c.found = c.found || isPlace(v.Type())
			return
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return
	}
	switch t := v.Type(); {
	case t == messageType:
		c.add(v.Interface().(Message))
	case t == messagesType:
		c.found = true
		for _, m := range v.Interface().([]Message) {
			c.add(m)
		}
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if looksInto(t.Field(i)) && depth > 0 {
				c.value(v.Field(i), depth-1)
			}
		}
	}
}
