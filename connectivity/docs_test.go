package connectivity_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/connectivity/connectivitytest"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfctest"
)

// fences are the blocks of code of a page, by language.
func fences(t *testing.T, page string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	blocks := map[string][]string{}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	return blocks
}

// TestPageWorksAsPrinted runs the settings of docs/btp.md: what stands for the platform are the
// doubles, under the host names of the page.
func TestPageWorksAsPrinted(t *testing.T) {
	t.Parallel()
	blocks := fences(t, "../docs/btp.md")
	require.Len(t, blocks["json"], 2)
	require.Len(t, blocks["properties"], 1)
	program, err := os.ReadFile("../examples/btp/main.go")
	require.NoError(t, err)
	require.Equal(t, string(program), blocks["go"][0], "docs/btp.md shows examples/btp/main.go")

	c := newCloud(t, rfctest.WithUser("RFC_READER", "not-a-secret"))
	c.XSUAA.Secrets = map[string]string{connectivitytest.DestinationClient: "not-a-secret=", connectivitytest.ConnectivityClient: "also-not="}
	var properties map[string]string
	require.NoError(t, json.Unmarshal([]byte(blocks["json"][1]), &properties))
	c.Destinations.Set("SALES_QA", properties)
	btp, err := connectivity.Open(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES": blocks["json"][0]}), Mounts: []string{}})
	require.NoError(t, err)
	btp.Transport = c.Transport()
	service, err := btp.Destinations("")
	require.NoError(t, err)
	dir := files(t, map[string]string{"SALES_QA.jcoDestination": blocks["properties"][0]})

	for i, p := range []destination.Provider{service, btp.Tunnelled(&destination.Directory{Path: dir})} {
		catalog := &destination.Catalog{Provider: p, Configure: func(cfg *destination.Config) {
			cfg.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				require.Equal(t, "connectivityproxy.internal.cf.example.com:20004", address)
				var d net.Dialer
				return d.DialContext(ctx, network, c.SOCKS)
			}
		}}
		sales, err := catalog.Open("SALES_QA")
		require.NoError(t, err)
		require.NoError(t, echo(t, sales))
		require.NoError(t, catalog.Close(context.Background()))
		require.Equal(t, int64(i+1), c.bridge.Stats().Tunnels)
	}
}
