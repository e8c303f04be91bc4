package msgserver_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/msgserver"
)

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// recorder notes all bytes of a connection in the order in which they pass.
type recorder struct {
	net.Conn
	log *bytes.Buffer
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.log.Write(b[:n])
	return n, err
}

func (r *recorder) Write(b []byte) (int, error) {
	r.log.Write(b)
	return r.Conn.Write(b)
}

// memory dials a server over memory; change may look at each connection.
func memory(t *testing.T, srv *msgserver.Server, change func(r *recorder)) dialFunc {
	t.Helper()
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := netfault.Pipe()
		group.Go(func() { srv.ServeConn(server) })
		r := &recorder{Conn: client, log: new(bytes.Buffer)}
		if change != nil {
			change(r)
		}
		return r, nil
	}
}

// failure checks what every error of a message server says.
func failure(t *testing.T, err error, kind string, texts ...string) *msgserver.Error {
	t.Helper()
	var e *msgserver.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "message server", e.Step())
	require.Equal(t, kind, e.Kind(), "%v", err)
	for _, text := range texts {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, err.Error(), "\x1b")
	require.Less(t, len(err.Error()), 1000)
	return e
}

// landscape is a system of n servers, all of them in PUBLIC, the first one in ONE as well.
func landscape(n int) msgserver.Landscape {
	l := msgserver.Landscape{Groups: map[string][]string{"ONE": {"app0"}, "NONE": {}}}
	for i := range n {
		name := fmt.Sprintf("app%d", i)
		l.Instances = append(l.Instances, msgserver.Instance{Name: name, Host: name + ".example", Port: uint16(3200 + i)})
		l.Groups["PUBLIC"] = append(l.Groups["PUBLIC"], name)
	}
	return l
}
