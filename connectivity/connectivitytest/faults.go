package connectivitytest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// A Fault answers one request in place of a double.
type Fault http.HandlerFunc

// Faults are what the next requests to a double get, one for each. The zero value has none.
type Faults struct {
	mu    sync.Mutex
	queue []Fault

	requests atomic.Int64
}

// Inject adds faults for the next requests. A nil Fault lets a request pass.
func (f *Faults) Inject(list ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, list...)
}

// Requests counts what came in, faults included.
func (f *Faults) Requests() int { return int(f.requests.Load()) }

// next answers with a fault if one is due.
func (f *Faults) next(w http.ResponseWriter, r *http.Request) bool {
	f.requests.Add(1)
	f.mu.Lock()
	var fault Fault
	if len(f.queue) > 0 {
		fault, f.queue = f.queue[0], f.queue[1:]
	}
	f.mu.Unlock()
	if fault == nil {
		return false
	}
	fault(w, r)
	return true
}

// Status answers with a status and a body; header are pairs of name and value.
func Status(code int, body string, header ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// Text answers 200 with something of a type.
func Text(contentType, body string) Fault {
	return Status(http.StatusOK, body, "Content-Type", contentType)
}

// Huge answers with so many bytes of JSON text.
func Huge(n int) Fault {
	return Text("application/json", `{"x":"`+strings.Repeat("x", n)+`"}`)
}

// Redirect sends the client somewhere else.
func Redirect(to string) Fault { return Status(http.StatusTemporaryRedirect, "", "Location", to) }

// Hang answers nothing until the client gives up or release is closed.
func Hang(release <-chan struct{}) Fault {
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
}

// Cut announces more than it sends and closes the connection.
func Cut(body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+100))
		_, _ = w.Write([]byte(body))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) //nolint:forbidigo // it is how net/http closes a connection
	}
}
