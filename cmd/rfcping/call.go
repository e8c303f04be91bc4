package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// maxInput bounds the JSON of a call, in bytes.
const maxInput = 256 << 20

func (a *app) callCommand() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "call [flags] FUNCTION [JSON | @FILE | -]",
		Short: "Call a function module and print its result as JSON",
		Long: `call calls a function module once. Its parameters are a JSON object by name, as an argument,
in a file (@FILE) or from standard input (-). The result is a JSON object with the EXPORTING,
CHANGING and TABLES parameters in the order of the interface.

An ABAP error goes to standard error and ends with exit code 9 (8 if an authorization is missing);
with --json standard output has {"error":{...},"exit_code":9}.`,
		Example: `  rfcping call --embedded STFC_CONNECTION '{"REQUTEXT":"hello"}'
  rfcping call --ashost H --sysnr 00 --client 100 --user U --password-env PW RFC_READ_TABLE @query.json`,
		Args: arguments(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.failed(cmd.Context(), a.call(cmd, &c, args))
		},
	}
	a.connectionFlags(cmd, &c)
	return cmd
}

// failed adds the JSON document of an error.
func (a *app) failed(ctx context.Context, err error) error {
	if err == nil || !a.json {
		return err
	}
	code := exitCode(ctx, err)
	return errors.Join(err, a.writeJSON(facts{{"error", describeError(err)}, {"exit_code", code}}))
}

func (a *app) call(cmd *cobra.Command, c *connection, args []string) (err error) {
	name := strings.ToUpper(strings.TrimSpace(args[0]))
	input := []byte("{}")
	if len(args) > 1 {
		if input, err = a.input(cmd.Context(), args[1]); err != nil {
			return err
		}
	}
	ctx := cmd.Context()
	o, err := a.open(ctx, cmd, c)
	if err != nil {
		return err
	}
	defer func() { err = a.finish(ctx, o, err) }()
	limit, cancel := context.WithTimeoutCause(o.ctx, o.settings.stepTimeout, &timeoutError{"the call", o.settings.stepTimeout, "--step-timeout"})
	defer cancel()
	f, err := o.functions.Function(limit, name)
	if err != nil {
		return withHint("call", err)
	}
	in, err := serialization.FromJSON(f, input)
	if err != nil {
		return &hinted{usageError("parameters of %s: %w", name, err), "rfcping describe " + name + " shows what it takes"}
	}
	res, err := o.conn.Call(limit, name, in, rfc.WithInterface(f))
	if err != nil {
		return withHint("call", err)
	}
	b, err := res.JSON()
	if err != nil {
		return withHint("call", err)
	}
	if !a.json {
		var indented bytes.Buffer
		if json.Indent(&indented, b, "", "  ") == nil {
			b = indented.Bytes()
		}
	}
	_, err = a.out.Write(append(b, '\n'))
	return err
}

// input reads the parameters of a call from where the argument says.
func (a *app) input(ctx context.Context, arg string) ([]byte, error) {
	read := func(r io.Reader, where string) ([]byte, error) {
		b, err := interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(r, maxInput+1)) })
		switch {
		case ctx.Err() != nil && err != nil:
			return nil, err
		case err != nil:
			return nil, usageError("parameters from %s: %w", where, err)
		case len(b) > maxInput:
			return nil, usageError("parameters from %s: more than %d bytes", where, maxInput)
		}
		return b, nil
	}
	var b []byte
	var err error
	switch {
	case arg == "-":
		b, err = read(a.in, "standard input")
	case strings.HasPrefix(arg, "@"):
		f, oerr := os.Open(arg[1:])
		if oerr != nil {
			return nil, usageError("parameters: %w", oerr)
		}
		defer f.Close()
		b, err = read(f, arg[1:])
	default:
		b = []byte(arg)
	}
	if err != nil {
		return nil, err
	}
	if b = bytes.TrimSpace(b); !bytes.HasPrefix(b, []byte("{")) || !json.Valid(b) {
		return nil, usageError("parameters: a JSON object is required, for example %s", fmt.Sprintf("'%s'", `{"REQUTEXT":"hello"}`))
	}
	return b, nil
}
