package services_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/services"
)

const file = `# comment
sapmsC11	3601/tcp	msC11 MSALIAS	# message server
sapmsP01	3602/tcp
sapmsp01	3603/tcp
twice		1/tcp
twice		2/tcp
twin		7/tcp
twin		7/tcp
other		9/udp
zero		0/tcp
huge		70000/tcp
name		x/tcp
alone
last		99/TCP`

func TestTable(t *testing.T) {
	t.Parallel()
	table, err := services.Parse(strings.NewReader(file))
	require.NoError(t, err)
	for name, want := range map[string]int{
		"sapmsC11": 3601, "SAPMSC11": 3601, "msC11": 3601, "msalias": 3601,
		"sapmsP01": 3602, "sapmsp01": 3603, "twin": 7, "last": 99,
	} {
		got, err := table.Port(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"other", "zero", "huge", "name", "alone", "", "#", "comment"} {
		_, err := table.Port(name)
		require.ErrorIs(t, err, services.ErrUnknown, name)
	}
	for _, name := range []string{"twice", "SAPMSP01"} {
		_, err := table.Port(name)
		require.ErrorContains(t, err, "several TCP ports", name)
		require.NotErrorIs(t, err, services.ErrUnknown)
	}
	var none *services.Table
	_, err = none.Port("x")
	require.ErrorIs(t, err, services.ErrUnknown)
	_, err = services.Parse(broken{})
	require.ErrorContains(t, err, "services file: broken")
	_, err = services.Parse(strings.NewReader(strings.Repeat("x", 1<<20)))
	require.Error(t, err, "a line without an end")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestNamesOfInstances(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{
		"saprouter": 3299, "sapdp00": 3200, "sapgw42": 3342, "sapms99": 3699, "sapgw07s": 4807,
	} {
		got, ok := services.SAP(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "sapgw", "sapgw1", "sapgw123", "sapgwab", "sapgw1s", "sapms01s", "sapmsC11", "sapdp0a", "SAPGW00"} {
		_, ok := services.SAP(name)
		require.False(t, ok, name)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	table, err := services.Parse(strings.NewReader("sapgw13 7/tcp\nsapgw14 1/tcp\nsapgw14 2/tcp\n"))
	require.NoError(t, err)
	port, err := table.Resolve("sapgw13")
	require.NoError(t, err)
	require.Equal(t, 7, port, "the file wins over the formula")
	_, err = table.Resolve("sapgw14")
	require.ErrorContains(t, err, "several TCP ports")
	_, err = table.Resolve("65536")
	require.ErrorContains(t, err, "1-65535")
	for name, want := range map[string]int{"1": 1, "65535": 65535, "003300": 3300, "sapgw13s": 4813} {
		got, err := services.Resolve(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for name, want := range map[string]string{
		"0":                            "1-65535",
		"65536":                        "1-65535",
		"99999999999999999999":         "1-65535",
		"":                             "port 1-65535 or a name",
		"abc!":                         "port 1-65535 or a name",
		"a b":                          "port 1-65535 or a name",
		strings.Repeat("x", 64):        "at most 63",
		"sapmsQX9":                     "not in the services file of this machine",
		"-1":                           "not in the services file",
		"no-such-service-on-any-host.": "not in the services file",
	} {
		_, err := services.Resolve(name)
		require.ErrorContains(t, err, want, "%q", name)
	}
}
