package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	a := newApp(os.LookupEnv, os.Stdin, os.Stdout, os.Stderr)
	a.environ = os.Environ
	os.Exit(a.run(ctx, os.Args[1:]))
}

// run is the program without the process around it. The end of ctx is an interrupt.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(env, stdin, stdout, stderr).run(ctx, args)
}

// app is what all commands share.
type app struct {
	env      func(string) (string, bool)
	environ  func() []string // lists env; nil if nobody can
	in       io.Reader
	out, err io.Writer
	// terminal and errTerminal say whether a person looks at out and err.
	terminal, errTerminal bool
	// dial replaces the network; for tests.
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	json, verbose, quiet bool
}

func newApp(env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{env: env, in: stdin, out: stdout, err: stderr, terminal: isTerminal(stdout), errTerminal: isTerminal(stderr)}
}

func (a *app) run(ctx context.Context, args []string) int {
	out := &stickyWriter{w: a.out}
	a.out = out
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	var done *exitError
	if err != nil && !(errors.As(err, &done) && done.told) {
		a.complain(err)
	}
	if code == exitFine && out.failed != nil {
		a.complain(out.failed)
		return exitUsage
	}
	return code
}

// stickyWriter remembers that output was lost, so that nobody takes a part for the whole.
type stickyWriter struct {
	w      io.Writer
	failed error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil && s.failed == nil {
		s.failed = err
	}
	return n, err
}

// isTerminal reports whether v is a file that a person looks at.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
