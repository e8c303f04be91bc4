package destination_test

import (
	"context"
	"fmt"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// Every problem is reported at once, with its place and what was probably meant.
func ExampleParseProperties() {
	p, err := destination.ReadProperties([]byte("jco.client.ashost=sap1\njco.client.sysnr=0\njco.client.usr=ALICE\n"), "A4H.jcoDestination")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _, err = destination.ParseProperties("A4H", p)
	fmt.Println(err)
	// Output:
	// config: jco.client.usr: unknown property; did you mean jco.client.user? (A4H.jcoDestination:3)
	// jco.client.sysnr: value "0", two digits 00-99 required; did you mean 00? (A4H.jcoDestination:2)
}

// A destination by its name, from settings to an answer.
func ExampleLoad() {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{User: "ALICE", Password: "topsecret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sys.Close() }()
	host, port := sys.Addr()

	var known destination.Memory // or a Directory, a File, the Environment, or a Chain of them
	if err := known.Set("A4H", destination.NewProperties(map[string]string{
		"jco.client.ashost": host, "jco.client.sysnr": "00", "jco.client.gwserv": port,
		"jco.client.client": "001", "jco.client.user": "ALICE", "jco.client.passwd": "topsecret",
	})); err != nil {
		fmt.Println(err)
		return
	}
	cfg, effective, err := destination.Load(ctx, &known, "A4H")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range []string{destination.KeyPasswd, destination.KeyNetwork} {
		v, _ := effective.Get(key)
		fmt.Println(v)
	}
	dest, err := destination.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = dest.Close(ctx) }()
	out, err := rfc.Call[struct {
		Echo string `rfc:"ECHOTEXT"`
	}](ctx, dest, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "hello"})
	fmt.Println(out.Echo, err)
	// Output:
	// jco.client.passwd = *** (code)
	// jco.client.network = LAN (default)
	// hello <nil>
}

// A service opens its destinations by name and keeps them. Programs call destination.Open, which
// asks the environment, files and sapnwrfc.ini; a Catalog asks what it is given.
func ExampleCatalog() {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{User: "ALICE", Password: "topsecret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sys.Close() }()
	host, port := sys.Addr()
	provider := new(destination.Memory)
	_ = provider.Set("A4H", destination.NewProperties(map[string]string{
		"jco.client.ashost": host, "jco.client.sysnr": "00", "jco.client.gwserv": port,
		"jco.client.client": "001", "jco.client.user": "ALICE", "jco.client.passwd": "topsecret",
	}))
	catalog := &destination.Catalog{Provider: provider}
	defer func() { _ = catalog.Close(ctx) }()

	dest, err := catalog.Open("A4H") // nothing is read or opened yet
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := dest.Call(ctx, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "hello"})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := res.Value("ECHOTEXT")
	fmt.Println(text)

	// What belongs together runs in one ABAP session.
	err = dest.Session(ctx, func(s *destination.Session) error {
		_, err := s.Call(ctx, "RFC_PING", nil)
		return err
	})
	fmt.Println(err, dest.Stats().Open)
	// Output:
	// hello
	// <nil> 1
}
