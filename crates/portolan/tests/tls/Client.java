import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import javax.net.ssl.*;

/** A client on the JDK's own TLS, which uses each ticket once: PORT VERSION explicit|implicit passive|active FILES. */
public class Client {
    static BufferedReader in;
    static OutputStream out;

    static String reply() throws IOException {
        String line = in.readLine();
        if (line == null) throw new IOException("the server hung up");
        String code = line.substring(0, 3);
        while (line.length() < 4 || line.charAt(3) != ' ' || !line.startsWith(code)) line = in.readLine();
        return line;
    }

    static String ask(String line, String code) throws IOException {
        if (line != null) {
            out.write((line + "\r\n").getBytes(StandardCharsets.US_ASCII));
            out.flush();
        }
        String reply = reply();
        if (!reply.startsWith(code)) throw new IOException(line + ": " + reply);
        return reply;
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        boolean implicit = arguments[2].equals("implicit");
        boolean passive = arguments[3].equals("passive");
        int files = Integer.parseInt(arguments[4]);
        TrustManager everybody = new X509TrustManager() {
            public void checkClientTrusted(X509Certificate[] chain, String type) {}
            public void checkServerTrusted(X509Certificate[] chain, String type) {}
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        };
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {everybody}, null);
        SSLSocketFactory factory = context.getSocketFactory();
        Socket plain = new Socket("127.0.0.1", port);
        if (!implicit) {
            streams(plain);
            ask(null, "220");
            ask("AUTH TLS", "234");
        }
        SSLSocket control = secure(factory, plain, port, arguments[1]);
        streams(control);
        if (implicit) ask(null, "220");
        ask("USER anonymous", "331");
        ask("PASS x", "230");
        ask("TYPE I", "200");
        ask("PBSZ 0", "200");
        ask("PROT P", "200");
        byte[] text = new byte[10000];
        for (int i = 0; i < text.length; i++) text[i] = (byte) (i % 127);
        for (int number = 0; number < files; number++) {
            transfer(factory, port, arguments[1], passive, "STOR up" + number, text);
        }
        for (int number = 0; number < files; number++) {
            byte[] got = transfer(factory, port, arguments[1], passive, "RETR up" + number, null);
            if (!java.util.Arrays.equals(got, text)) throw new IOException("other bytes came back");
        }
        transfer(factory, port, arguments[1], passive, "STOR empty", new byte[0]);
        ask("QUIT", "221");
    }

    static void streams(Socket socket) throws IOException {
        in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
        out = socket.getOutputStream();
    }

    static SSLSocket secure(SSLSocketFactory factory, Socket socket, int port, String version) throws IOException {
        SSLSocket secure = (SSLSocket) factory.createSocket(new Renumbered(socket, port), "127.0.0.1", port, true);
        secure.setUseClientMode(true);
        secure.setEnabledProtocols(new String[] {version});
        secure.startHandshake();
        return secure;
    }

    /** A socket that says another port: sessions are remembered under it, and wanted for all connections. */
    static class Renumbered extends Socket {
        final Socket socket;
        final int port;

        Renumbered(Socket socket, int port) {
            this.socket = socket;
            this.port = port;
        }

        @Override public int getPort() { return port; }
        @Override public InetAddress getInetAddress() { return socket.getInetAddress(); }
        @Override public boolean isConnected() { return socket.isConnected(); }
        @Override public boolean isClosed() { return socket.isClosed(); }
        @Override public boolean isInputShutdown() { return socket.isInputShutdown(); }
        @Override public boolean isOutputShutdown() { return socket.isOutputShutdown(); }
        @Override public InputStream getInputStream() throws IOException { return socket.getInputStream(); }
        @Override public OutputStream getOutputStream() throws IOException { return socket.getOutputStream(); }
        @Override public void shutdownInput() throws IOException { socket.shutdownInput(); }
        @Override public void shutdownOutput() throws IOException { socket.shutdownOutput(); }
        @Override public void close() throws IOException { socket.close(); }
        @Override public void setSoTimeout(int timeout) throws SocketException { socket.setSoTimeout(timeout); }
        @Override public int getSoTimeout() throws SocketException { return socket.getSoTimeout(); }
        @Override public int getSoLinger() throws SocketException { return socket.getSoLinger(); }
    }

    static byte[] transfer(
            SSLSocketFactory factory, int port, String version, boolean passive, String command, byte[] upload)
            throws IOException {
        Socket data;
        if (passive) {
            String reply = ask("EPSV", "229");
            data = new Socket("127.0.0.1", Integer.parseInt(reply.split("\\|")[3]));
            ask(command, "150");
        } else {
            try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
                ask("EPRT |1|127.0.0.1|" + server.getLocalPort() + "|", "200");
                ask(command, "150");
                data = server.accept();
            }
        }
        byte[] download = null;
        try (SSLSocket secure = secure(factory, data, port, version)) {
            if (upload != null) {
                secure.getOutputStream().write(upload);
                secure.getOutputStream().flush();
                // What clients do who want to be sure that all arrived: say the end, then wait for the answer.
                secure.shutdownOutput();
                secure.getInputStream().readAllBytes();
            } else {
                download = secure.getInputStream().readAllBytes();
            }
        }
        ask(null, "226");
        return download;
    }
}
