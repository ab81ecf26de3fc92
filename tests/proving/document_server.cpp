// A poll(2) echo server with the structure of the source document (sections 8 and 9), and the
// bugs that its code has: an error event ends a connection before what can still be read is read;
// a body of 0 bytes is taken for the end; POLLIN stays on while an echo is pending; send may raise
// SIGPIPE; the set is shortened while it is walked.
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::uint32_t cap = 1 << 20;

struct Connection {
    enum class State { read_length, read_body, write_body };
    State state = State::read_length;
    std::array<char, 4> header{};
    std::size_t header_read = 0;
    std::vector<char> body;
    std::size_t body_read = 0;
    std::vector<char> echo;
    std::size_t echo_sent = 0;
};

class Server {
public:
    explicit Server(int listener) : listener_(listener) { watched_.push_back({listener, POLLIN, 0}); }

    void serve()
    {
        for (;;) {
            if (::poll(watched_.data(), watched_.size(), 10000) <= 0)
                continue;
            for (std::size_t i = 0; i < watched_.size(); ++i) {
                const pollfd ready = watched_[i];
                if (ready.revents == 0)
                    continue;
                if (ready.fd == listener_)
                    accept_all();
                else if (ready.revents & (POLLERR | POLLHUP | POLLNVAL))
                    remove(ready.fd);
                else
                    serve_one(ready.fd, ready.revents);
            }
        }
    }

private:
    void accept_all()
    {
        for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) {
            ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
            connections_.emplace(fd, Connection{});
            watched_.push_back({fd, POLLIN, 0});
        }
    }

    void remove(int fd)
    {
        ::close(fd);
        connections_.erase(fd);
        for (std::size_t i = 0; i < watched_.size(); ++i)
            if (watched_[i].fd == fd) {
                watched_.erase(watched_.begin() + static_cast<std::ptrdiff_t>(i));
                return;
            }
    }

    void want_writable(int fd, bool on)
    {
        for (auto &one : watched_)
            if (one.fd == fd)
                one.events = static_cast<short>(on ? one.events | POLLOUT : one.events & ~POLLOUT);
    }

    // Read into `to`; false if the connection has ended and is removed.
    bool receive(int fd, char *to, std::size_t wanted, std::size_t &read)
    {
        const ssize_t count = ::recv(fd, to, wanted, 0);
        if (count > 0) {
            read += static_cast<std::size_t>(count);
            return true;
        }
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        remove(fd);
        return false;
    }

    void serve_one(int fd, short ready)
    {
        Connection &one = connections_.at(fd);
        if (ready & POLLIN) {
            if (one.state == Connection::State::read_length) {
                if (!receive(fd, one.header.data() + one.header_read, 4 - one.header_read,
                             one.header_read))
                    return;
                if (one.header_read == 4) {
                    std::uint32_t length;
                    std::memcpy(&length, one.header.data(), 4);
                    length = ntohl(length);
                    if (length > cap)
                        return remove(fd);
                    one.body.assign(length, 0);
                    one.body_read = 0;
                    one.state = Connection::State::read_body;
                }
            }
            if (one.state == Connection::State::read_body) {
                if (!receive(fd, one.body.data() + one.body_read, one.body.size() - one.body_read,
                             one.body_read))
                    return;
                if (one.body_read == one.body.size()) {
                    one.echo.assign(one.header.begin(), one.header.end());
                    one.echo.insert(one.echo.end(), one.body.begin(), one.body.end());
                    one.echo_sent = 0;
                    one.state = Connection::State::write_body;
                    want_writable(fd, true);
                }
            }
        }
        if (ready & POLLOUT && one.state == Connection::State::write_body) {
            const ssize_t count =
                ::send(fd, one.echo.data() + one.echo_sent, one.echo.size() - one.echo_sent, 0);
            if (count < 0 && errno != EAGAIN && errno != EINTR)
                return remove(fd);
            if (count > 0)
                one.echo_sent += static_cast<std::size_t>(count);
            if (one.echo_sent == one.echo.size()) {
                one.header_read = 0;
                one.state = Connection::State::read_length;
                want_writable(fd, false);
            }
        }
    }

    int listener_;
    std::vector<pollfd> watched_;
    std::unordered_map<int, Connection> connections_;
};

} // namespace

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener, reinterpret_cast<sockaddr *>(&address), size) || ::listen(listener, 512))
        return 3;
    ::getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size);
    const std::string written = std::string(argv[1]) + ".new";
    if (std::FILE *file = std::fopen(written.c_str(), "w")) {
        std::fprintf(file, "%d", ntohs(address.sin_port));
        std::fclose(file);
        std::rename(written.c_str(), argv[1]);
    }
    Server(listener).serve();
}
