// SPDX-License-Identifier: Apache-2.0
#include "raw_call.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace lk::test {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}
std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  buffer.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

// Returns the values of a string field. The type of the message (grpc/reflection/v1alpha/reflection.proto) is not
// available here.
std::vector<std::string> Field(const std::string& message, int number) {
  google::protobuf::Empty unknown;
  std::vector<std::string> values;
  if (!unknown.ParseFromString(message)) return values;
  const google::protobuf::UnknownFieldSet& fields = unknown.GetReflection()->GetUnknownFields(unknown);
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField& field = fields.field(i);
    if (field.number() == number && field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      values.push_back(field.length_delimited());
    }
  }
  return values;
}
std::string Message(int number, const std::string& value) {
  google::protobuf::Empty message;
  message.GetReflection()->MutableUnknownFields(&message)->AddLengthDelimited(number, value);
  return message.SerializeAsString();
}

constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr int kFileContainingSymbol = 4, kListServices = 7;            // in the request
constexpr int kFileDescriptorResponse = 4, kListServicesResponse = 6;  // in the response

}  // namespace

RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, const std::string& request,
                  const Headers& headers) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
  for (const auto& [name, value] : headers) context.AddMetadata(name, value);
  grpc::CompletionQueue queue;
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  grpc::GenericStub stub(channel);
  const auto stream = stub.PrepareCall(&context, method, &queue);
  RawAnswer answer;
  stream->StartCall(nullptr);
  if (done()) {
    stream->Write(ToBuffer(request), nullptr);
    if (done()) {
      stream->WritesDone(nullptr);
      done();
    }
    while (true) {
      grpc::ByteBuffer buffer;
      stream->Read(&buffer, nullptr);
      if (!done()) break;
      answer.messages.push_back(FromBuffer(buffer));
      if (method == "/grpc.health.v1.Health/Watch") context.TryCancel();
    }
  }
  stream->Finish(&answer.status, nullptr);
  done();
  queue.Shutdown();
  while (done()) {
  }
  return answer;
}

std::vector<std::string> ServedMethods(const std::shared_ptr<grpc::Channel>& channel) {
  std::vector<std::string> methods;
  const RawAnswer listed = CallRaw(channel, kReflection, Message(kListServices, "*"));
  EXPECT_TRUE(listed.status.ok()) << listed.status.error_message();
  for (const std::string& message : listed.messages) {
    for (const std::string& list : Field(message, kListServicesResponse)) {
      for (const std::string& service : Field(list, 1)) {
        const std::string name = Field(service, 1).at(0);
        const RawAnswer described = CallRaw(channel, kReflection, Message(kFileContainingSymbol, name));
        for (const std::string& files : described.messages) {
          for (const std::string& response : Field(files, kFileDescriptorResponse)) {
            for (const std::string& bytes : Field(response, 1)) {
              google::protobuf::FileDescriptorProto file;
              if (!file.ParseFromString(bytes)) continue;
              for (const auto& described_service : file.service()) {
                if (file.package() + "." + described_service.name() != name) continue;
                for (const auto& method : described_service.method())
                  methods.push_back("/" + name + "/" + method.name());
              }
            }
          }
        }
      }
    }
  }
  std::ranges::sort(methods);
  return methods;
}

}  // namespace lk::test
