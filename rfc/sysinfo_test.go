package rfc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func TestSystemInfoOfAHostWithoutTheModule(t *testing.T) {
	t.Parallel()
	conn := open(t, rfc.NewMux(), rfc.ConnConfig{})
	info, err := conn.SystemInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, "GOR", info.SystemID)
	require.Equal(t, "4103", info.CharType)
	require.Equal(t, "localhost_GOR_00", info.Destination)
	require.Equal(t, "OFS10000005F", info.Reserved)
	require.Equal(t, rfc.FormatRow|rfc.FormatColumn|rfc.FormatLZ4|rfc.FormatDeflate|rfc.FormatLZH|rfc.FormatBlocks, info.Formats())
}

// rfcsi is the answer of an ABAP system whose structure RFCSI has n characters.
func rfcsi(n int) []byte {
	row := "011" + "4103" + "LIT" + "IE3" + blank("vhcala4hci_A4H_00", 32) + blank("vhcala4h", 8) + blank("A4H", 8)
	return cat(textItem(0x0205, "RFCSI_EXPORT"), value("RFCSI_EXPORT", le16(blank(row, n))))
}

func TestSystemInfoOfOtherReleases(t *testing.T) {
	t.Parallel()
	for _, n := range []int{200, 245, 300} {
		c := dialPeer(t, rfc.ConnConfig{}, answerAll(rfcsi(n)))
		info, err := c.SystemInfo(t.Context())
		require.NoError(t, err)
		require.Equal(t, "A4H", info.SystemID, "%d characters", n)
		require.Zero(t, info.Formats())
		require.True(t, c.Alive())
	}
}

func TestFormatsOfForeignMarkers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]rfc.Formats{
		"": 0, "OFS1": 0, "OFS10000005F": 0x5f, "OFS1000000": 0, "OFS1XYZ0005F": 0, "OFS2000000FF": 0, "ofs10000005f": 0, "OFS1-000005F": 0, "OFS1FFFFFFFF": 0xffffffff,
	} {
		info := rfc.SystemInfo{Reserved: text}
		require.Equal(t, want, info.Formats(), "%q", text)
	}
}

// A partner that did not offer a format never receives it, and is asked once.
func TestFastFormatsNeedAnOffer(t *testing.T) {
	t.Parallel()
	requests := make(chan string, 8)
	c := dialPeer(t, rfc.ConnConfig{Format: serialization.ColumnFast}, func(p *peer) {
		for {
			m := p.receive()
			if m == nil {
				return
			}
			requests <- tags(m)
			if names := find(m, 0x0102); string(names[0]) == string(le16("RFC_SYSTEM_INFO")) {
				p.send(p.reply(rfcsi(245)))
				continue
			}
			p.send(p.reply(echo))
		}
	})
	for range 2 {
		_, err := zCall(t.Context(), c, rfc.Params{"TEXT": "hi"})
		require.NoError(t, err)
	}
	require.Equal(t, "0502 000b 0102 0512 0205 ffff", <-requests)
	for range 2 {
		require.Equal(t, "0502 000b 0102 0512 0205 0205 0205 0205 0205 0201 0203 ffff", <-requests)
	}
	require.Empty(t, requests)
}

// A partner that does not answer the question keeps the classic format; one that closes the
// connection over it makes the call fail before anything of it was sent.
func TestFormatsCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	exception := end(empty(0x0500), textItem(0x0415, "FL"), textItem(0x0416, "E"), textItem(0x0417, "046"), textItem(0x0401, "FU_NOT_FOUND"))
	c := dialPeer(t, rfc.ConnConfig{Format: serialization.RowFast}, func(p *peer) {
		p.receive()
		p.send(exception)
		answerAll(echo)(p)
	})
	_, err := zCall(t.Context(), c, nil)
	require.NoError(t, err)

	c = dialPeer(t, rfc.ConnConfig{Format: serialization.RowFast}, func(p *peer) {
		p.receive()
		p.sendEnd(end(empty(0x0500), textItem(0x0402, "no authority"), textItem(0x0403, "CALL_FUNCTION_NO_AUTH")))
	})
	_, err = zCall(t.Context(), c, nil)
	e := rfcError(t, err, rfc.ClassABAPRuntime, rfc.NotSent)
	require.Equal(t, "Z_TEST", e.Function)
	require.Contains(t, err.Error(), "jco.client.serialization_format=rowBased")
}
