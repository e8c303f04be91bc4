package rfc

import (
	"context"

	"github.com/purerfc/purerfc/internal/chain"
)

// RawCall sends a call whose parameter section is given as bytes.
func RawCall(ctx context.Context, c *Conn, function string, section []byte) error {
	buf, err := appendCall(reserve(nil, c.conv.Headroom()), function, unicode)
	if err != nil {
		return err
	}
	buf = chain.AppendEnd(append(buf, section...))
	res := newResponse(c, withoutParameters(function), c.cfg.Values)
	if err := c.conv.Begin(ctx); err != nil {
		return err
	}
	err = c.conv.SendLast(buf)
	if err == nil {
		err = res.read("")
	}
	if e := c.settle(res.function, err, StepReceive, Unknown); e != nil {
		return e
	}
	return nil
}
