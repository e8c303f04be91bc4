package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func (a *app) describeCommand() *cobra.Command {
	var c connection
	var schema bool
	cmd := &cobra.Command{
		Use:   "describe [flags] FUNCTION",
		Short: "Print the interface of a function module",
		Long: `describe asks the system for the interface of a function module: parameters with
direction (named from the module's side), type, default and text, the structures they use, and
exceptions. With --json-schema it prints a JSON Schema (draft 2020-12) of what call takes and
prints.`,
		Example: "  rfcping describe --embedded RFC_READ_TABLE",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.failed(cmd.Context(), a.describe(cmd, &c, strings.ToUpper(strings.TrimSpace(args[0])), schema))
		},
	}
	a.connectionFlags(cmd, &c)
	cmd.Flags().BoolVar(&schema, "json-schema", false, "print a JSON Schema of parameters and results")
	return cmd
}

// described and its parts are the JSON form of an interface.
type (
	described struct {
		Name       string           `json:"name"`
		Group      string           `json:"group"`
		Text       string           `json:"text"`
		Parameters []describedField `json:"parameters"`
		Exceptions []describedError `json:"exceptions"`
		Structures []describedType  `json:"structures"`
	}
	describedField struct {
		Name      string `json:"name"`
		Direction string `json:"direction,omitempty"` // from the module's side
		Type      string `json:"type"`
		Length    int    `json:"length"` // characters of CHAR and NUM, else bytes
		Decimals  int    `json:"decimals,omitempty"`
		Structure string `json:"structure,omitempty"`
		Optional  bool   `json:"optional,omitempty"`
		Default   string `json:"default,omitempty"`
		Text      string `json:"text,omitempty"`
	}
	describedError struct {
		Name string `json:"name"`
		Text string `json:"text,omitempty"`
	}
	describedType struct {
		Name   string           `json:"name"`
		Bytes  int              `json:"bytes"` // of a row on a Unicode system
		Fields []describedField `json:"fields"`
	}
)

func (a *app) describe(cmd *cobra.Command, c *connection, name string, schema bool) (err error) {
	ctx := cmd.Context()
	o, err := a.open(ctx, cmd, c)
	if err != nil {
		return err
	}
	defer func() { err = a.finish(ctx, o, err) }()
	limit, cancel := context.WithTimeoutCause(o.ctx, o.settings.stepTimeout, &timeoutError{"the question", o.settings.stepTimeout, "--step-timeout"})
	defer cancel()
	f, err := o.functions.Function(limit, name)
	if err != nil {
		return withHint("describe", err)
	}
	if schema {
		text, err := serialization.JSONSchema(f)
		if err == nil {
			_, err = a.out.Write(append(text, '\n'))
		}
		return err
	}
	d := describeFunction(f)
	if a.json {
		return a.writeJSON(d)
	}
	return a.printDescription(d)
}

func describeFunction(f *metadata.Function) *described {
	d := &described{Name: f.Name, Group: f.Group, Text: f.Text, Parameters: []describedField{}, Exceptions: []describedError{}, Structures: []describedType{}}
	seen := map[*metadata.Type]bool{}
	var structure func(t *metadata.Type, depth int)
	structure = func(t *metadata.Type, depth int) {
		if t == nil || t.Scalar() || seen[t] || depth > metadata.MaxDepth {
			return
		}
		seen[t] = true
		s := describedType{Name: t.Name, Bytes: t.Layout(2).Total}
		for i := range t.Fields {
			s.Fields = append(s.Fields, describeField(&t.Fields[i]))
		}
		d.Structures = append(d.Structures, s)
		for i := range t.Fields {
			structure(t.Fields[i].Type, depth+1)
		}
	}
	for i := range f.Parameters {
		p := &f.Parameters[i]
		x := describeField(&p.Field)
		x.Direction, x.Optional, x.Default = strings.ToLower(p.Direction.String()), p.Optional, p.Default
		d.Parameters = append(d.Parameters, x)
		structure(p.Type, 0)
	}
	for _, e := range f.Exceptions {
		d.Exceptions = append(d.Exceptions, describedError{e.Name, e.Text})
	}
	return d
}

func describeField(f *metadata.Field) describedField {
	x := describedField{Name: f.Name, Type: f.Kind.String(), Length: f.Length, Decimals: f.Decimals, Text: f.Text}
	if f.Kind != metadata.Packed {
		x.Decimals = 0
	}
	if f.Type != nil {
		if f.Type.Scalar() {
			line := f.Type.Fields[0]
			x.Structure = "line " + shortType(describeField(&line))
		} else {
			x.Structure = f.Type.Name
		}
	}
	return x
}

// shortType writes a type as one word: CHAR(30), BCD(8,2), TABLE of USRLIST.
func shortType(f describedField) string {
	switch {
	case f.Structure != "" && f.Type == metadata.Table.String():
		return "TABLE of " + f.Structure
	case f.Structure != "":
		return f.Structure
	case f.Decimals > 0:
		return fmt.Sprintf("%s(%d,%d)", f.Type, f.Length, f.Decimals)
	case f.Type == metadata.Char.String(), f.Type == metadata.Numc.String(), f.Type == metadata.Raw.String(), f.Type == metadata.Packed.String():
		return fmt.Sprintf("%s(%d)", f.Type, f.Length)
	}
	return f.Type
}

func (a *app) printDescription(d *described) error {
	var b strings.Builder
	b.WriteString("FUNCTION " + d.Name)
	if d.Group != "" {
		b.WriteString("  group " + printable(d.Group))
	}
	if d.Text != "" {
		b.WriteString("  \"" + printable(d.Text) + "\"")
	}
	b.WriteByte('\n')
	table := [][]string{}
	for _, p := range d.Parameters {
		need := "required"
		if p.Optional {
			need = "optional"
		}
		if p.Direction == "export" || p.Direction == "exporting" {
			need = ""
		}
		def := ""
		if p.Default != "" {
			def = "default " + p.Default
		}
		table = append(table, []string{p.Direction, p.Name, shortType(p), need, def, p.Text})
	}
	columns(&b, "  ", table)
	if len(d.Exceptions) > 0 {
		b.WriteString("EXCEPTIONS\n")
		table = table[:0]
		for _, e := range d.Exceptions {
			table = append(table, []string{e.Name, e.Text})
		}
		columns(&b, "  ", table)
	}
	for _, s := range d.Structures {
		fmt.Fprintf(&b, "STRUCTURE %s  %d bytes\n", s.Name, s.Bytes)
		table = table[:0]
		for _, f := range s.Fields {
			table = append(table, []string{f.Name, shortType(f), f.Text})
		}
		columns(&b, "  ", table)
	}
	_, err := a.out.Write([]byte(b.String()))
	return err
}

// columns writes rows with aligned columns and without blanks at the end.
func columns(b *strings.Builder, indent string, rows [][]string) {
	var width []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len([]rune(printable(c))))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		line.WriteString(indent)
		for i, c := range r {
			if width[i] == 0 {
				continue
			}
			c = printable(c)
			line.WriteString(c + strings.Repeat(" ", width[i]-len([]rune(c))+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func (a *app) searchCommand() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "search [flags] PATTERN",
		Short: "List function modules by name, with * and +",
		Long: `search asks RFC_FUNCTION_SEARCH for the remote-enabled function modules whose name matches:
* stands for any characters, + for one. Quote the pattern for the shell.`,
		Example: "  rfcping search --embedded 'STFC_*'",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.failed(cmd.Context(), a.search(cmd, &c, strings.ToUpper(strings.TrimSpace(args[0]))))
		},
	}
	a.connectionFlags(cmd, &c)
	return cmd
}

// foundRow is a row of RFC_FUNCTION_SEARCH.
type foundRow struct {
	Name  string `rfc:"FUNCNAME" json:"name"`
	Group string `rfc:"GROUPNAME" json:"group"`
	Text  string `rfc:"STEXT" json:"text"`
}

func (a *app) search(cmd *cobra.Command, c *connection, pattern string) (err error) {
	ctx := cmd.Context()
	o, err := a.open(ctx, cmd, c)
	if err != nil {
		return err
	}
	defer func() { err = a.finish(ctx, o, err) }()
	limit, cancel := context.WithTimeoutCause(o.ctx, o.settings.stepTimeout, &timeoutError{"the search", o.settings.stepTimeout, "--step-timeout"})
	defer cancel()
	type out struct {
		Functions []foundRow `rfc:"FUNCTIONS"`
	}
	found, err := rfc.Call[out](limit, o.conn, "RFC_FUNCTION_SEARCH", rfc.Params{"FUNCNAME": pattern})
	if e, ok := errors.AsType[*rfc.Error](err); ok && e.Class == rfc.ClassABAPException && e.Key == "NO_FUNCTION_FOUND" {
		err = nil // an empty list is an answer
	}
	if err != nil {
		return withHint("search", err)
	}
	if a.json {
		if found.Functions == nil {
			found.Functions = []foundRow{}
		}
		return a.writeJSON(facts{{"functions", found.Functions}})
	}
	if len(found.Functions) == 0 {
		_, err := fmt.Fprintf(a.err, "no function module matches %s\n", printable(pattern))
		return err
	}
	var b strings.Builder
	rows := make([][]string, len(found.Functions))
	for i, f := range found.Functions {
		rows[i] = []string{f.Name, f.Group, f.Text}
	}
	columns(&b, "", rows)
	_, err = a.out.Write([]byte(b.String()))
	return err
}
