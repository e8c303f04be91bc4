package cpic

import "github.com/purerfc/purerfc/internal/watchdog"

// Watchdog starts the watch on connections whose handlers run long. One serves all
// connections of a server. The zero value is ready to use; it is safe for concurrent use.
type Watchdog = watchdog.Dog

// Watch calls gone once if the client closes the connection, or sends something although
// it is not its turn, before the returned function is called. NI pings are answered
// meanwhile. It starts after a short delay, so that quick handlers pay next to nothing, and
// lifts the idle limit, which bounds the client and not the handler.
// Nothing else may use the conversation until stop has returned.
func (c *Conn) Watch(gone func(error)) (stop func()) { return c.watch.Start(gone) }

// watched is the connection as its watch sees it.
type watched Conn

func (w *watched) Wait() error {
	if err := w.ni.SetReadLimit(0); err != nil {
		return err
	}
	return w.ni.Wait()
}

func (w *watched) InterruptRead()    { w.ni.InterruptRead() }
func (w *watched) ResumeRead() error { return w.ni.ResumeRead() }

func (w *watched) OutOfTurn() error {
	return (*Conn)(w).protocolError("record", "silence while the call runs", "a record of the client")
}
