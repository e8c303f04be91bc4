package scale_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// roles are what this test binary can be besides a test: each reads commands from standard
// input, a line each, and answers every one with a line of JSON.
var roles = map[string]func() role{
	"system": func() role { return new(system) },
	"echo":   func() role { return new(echoServer) },
	"pool":   func() role { return new(pooled) },
	"plain":  func() role { return new(plain) },
}

type role interface {
	// do runs a command.
	do(name string, args []string) (any, error)
	close()
}

const roleVariable = "SCALE_ROLE"

func TestMain(m *testing.M) {
	name := os.Getenv(roleVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := play(roles[name](), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// play runs commands until there are no more.
func play(r role, in io.Reader, out io.Writer) error {
	defer r.close()
	commands := bufio.NewScanner(in)
	for commands.Scan() {
		words := strings.Fields(commands.Text())
		var answer any
		var err error
		switch words[0] {
		case "usage":
			answer, err = look()
		case "cpu":
			answer, err = processor()
		default:
			answer, err = r.do(words[0], words[1:])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", commands.Text(), err)
		}
		if err := json.NewEncoder(out).Encode(answer); err != nil {
			return err
		}
	}
	return commands.Err()
}

// process is a running role.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, name string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), exe)}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+name, "GOMAXPROCS="+strconv.Itoa(min(2, runtime.NumCPU())))
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.cmd.Wait()
	})
	return p
}

// ask gives a command and reads its answer.
func (p *process) ask(answer any, format string, args ...any) {
	p.t.Helper()
	_, err := fmt.Fprintf(p.in, format+"\n", args...)
	require.NoError(p.t, err)
	line, err := p.out.ReadBytes('\n')
	require.NoError(p.t, err, "no answer to %s", fmt.Sprintf(format, args...))
	require.NoError(p.t, json.Unmarshal(line, answer), "%s", line)
}

// usage is what a process holds.
type usage struct {
	Resident, Heap, Stacks int64 // bytes
	Goroutines             int
}

func look() (usage, error) {
	var m runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	u := usage{Heap: int64(m.HeapAlloc), Stacks: int64(m.StackInuse), Goroutines: runtime.NumGoroutine()}
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return u, err
	}
	var size, resident int64
	_, err = fmt.Sscan(string(b), &size, &resident)
	u.Resident = resident * int64(os.Getpagesize())
	return u, err
}

// processor is the time that this process has computed.
func processor() (time.Duration, error) {
	var r syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), err
}

func (p *process) cpu() (d time.Duration) {
	p.t.Helper()
	p.ask(&d, "cpu")
	return d
}

func (p *process) usage() (u usage) {
	p.t.Helper()
	p.ask(&u, "usage")
	return u
}
