# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The same sixty assertions as a user of Serverspec writes them, for the host FLEET_HOST.
require 'json'
require 'serverspec'

known = JSON.parse(ENV.fetch('FLEET_KNOWN'))
set :backend, :ssh
set :disable_sudo, true
set :host, ENV.fetch('FLEET_HOST')
set :ssh_options, user: 'root', port: ENV.fetch('FLEET_PORT').to_i, keys: [ENV.fetch('FLEET_KEY')], keys_only: true,
                  config: false, verify_host_key: :never

known['files'].each { |path| describe(file(path)) { it { should be_owned_by 'root' } } }
known['packages'].each { |name| describe(package(name)) { it { should be_installed } } }
10.times { describe(process('sshd')) { its(:user) { should eq 'root' } } }
5.times { describe(port(ENV.fetch('FLEET_PORT'))) { it { should be_listening } } }
known['users'].each { |name| describe(user(name)) { it { should exist } } }
known['sysctl'].each { |name| describe(linux_kernel_parameter(name)) { its(:value) { should be >= 0 } } }
['uname -a', 'cat /proc/sys/kernel/hostname', 'cat /etc/os-release', 'cat /proc/uptime', 'id'].each do |line|
  describe(command(line)) { its(:exit_status) { should eq 0 } }
end
