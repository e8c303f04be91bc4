package destination_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/serialization"
)

func TestFormatOfADestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	formats := make(chan serialization.Format, 1)
	sys.Intercept("STFC_STRUCTURE", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			formats <- req.Format()
			return next(ctx, req, reply)
		}
	})
	for _, format := range []serialization.Format{serialization.Classic, serialization.BasXML, serialization.RowFast, serialization.ColumnFast} {
		cfg := sys.Config()
		cfg.Format, cfg.WAN = format, true
		conn, err := destination.Dial(t.Context(), cfg)
		require.NoError(t, err)
		_, err = conn.Call(t.Context(), "STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{}})
		require.NoError(t, err)
		want := format
		if format == serialization.BasXML {
			want = serialization.Classic // the module does not declare it
		}
		require.Equal(t, want, <-formats)
		require.NoError(t, conn.Close())
	}
	cfg := sys.Config()
	cfg.Format = 9
	_, err := destination.Dial(t.Context(), cfg)
	require.ErrorContains(t, err, "jco.client.serialization_format")
}
