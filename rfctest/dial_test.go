package rfctest_test

import (
	"context"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

func dial(ctx context.Context, cfg destination.Config) (*rfc.Conn, error) {
	return destination.Dial(ctx, cfg)
}
